package simulator

import (
	"time"
)

// charge is one that is paid: by Pix, which is an event of its own, too, by boleto, or by an account that has version 2.
func (p delfinance) charge(w *writer, kinds map[string]*kind) {
	k := kinds["charge"]
	times := w.times(k, []string{"Pending", "Paid"})
	e := w.entity(k, guid(w.r))
	e.money("in", w.amount(), "BRL")
	payer := object{"name": person(w.r), "document": "00000000000"}
	shown := object{
		"type": "BANKSLIP_PIX", "correlationId": e.ID, "amount": reais(*e.Amount), "walletNumber": "112", "yourNumber": "PED-" + word(w.r, digits, 5),
		"ourNumber": word(w.r, digits, 11), "dueDate": seconds(times[0].Add(120 * time.Hour)), "payer": payer, "createdAt": seconds(times[0]),
		"barCode": word(w.r, digits, 44), "digitableLine": word(w.r, digits, 47),
	}
	e.change(times[0], "Pending", shown.with(object{"status": "Pending"}))
	e.change(times[1], "Paid", shown.with(object{"status": "Paid"}), "paid", "PAID")
	at := times[1]
	switch n := w.r.IntN(3); n {
	case 0:
		w.tell(e, "CHARGE_PAID", at, object{
			"eventType": "CHARGE_PAID_V2", "correlationId": e.ID, "walletNumber": "112", "yourNumber": shown["yourNumber"], "ourNumber": shown["ourNumber"],
			"amount": reais(*e.Amount), "dueDate": unzoned(times[0].Add(120 * time.Hour)), "barCode": shown["barCode"], "digitableLine": shown["digitableLine"],
			"payer": payer,
		})
	default:
		for range 1 + w.r.IntN(2) { // a charge can be paid more than once
			source, reference, proof := "PCR", word(w.r, digits, 18), object{"bank": "001", "branch": "0001"}
			if n == 2 {
				pix := p.received(w, kinds["pix_receipt"], at, *e.Amount, e.ID)
				source, reference = "SPI", pix.ID
				proof = object{"endToEndId": pix.ID, "transactionId": word(w.r, alnum, 32), "amount": reais(*e.Amount), "payer": w.party(false), "payee": w.party(true)}
			}
			w.tell(e, "CHARGE_PAID", at, object{
				"nsu": w.r.IntN(1_000_000), "correlationId": e.ID, "referenceId": reference, "source": source, "amount": reais(*e.Amount),
				"createdAt": zulu(w.r, at), "payer": payer, "proof": proof,
			}, reference)
			at = w.later(at)
		}
	}
}

// received is a Pix that came in.
func (delfinance) received(w *writer, k *kind, at time.Time, amount int64, correlation string) *Entity {
	e := w.entity(k, endToEnd(w.r, "E", "18236120", at))
	e.money("in", amount, "BRL")
	payer, payee, created := w.party(false), w.party(true), zulu(w.r, at)
	e.change(at, "PIX_EFFECTIVE", object{
		"endToEndId": e.ID, "amount": reais(amount), "status": "EFFECTIVE", "type": object{"name": "CREDIT_PIX", "description": "Pix"}, "createdAt": created,
	}, "EFFECTIVE")
	w.tell(e, "PIX_RECEIVED", at, object{
		"eventType": "PIX_RECEIVED", "correlationId": correlation, "referenceId": e.ID, "endToEndId": e.ID, "amount": reais(amount), "createdAt": created,
		"proof": object{
			"eventType": "PIX_PAYMENT_EFFECTIVE", "endToEndId": e.ID, "idempotencyKey": e.ID, "correlationId": correlation, "status": "PIX_EFFECTIVE",
			"amount": reais(amount), "payer": payer, "beneficiary": payee, "payee": payee,
		},
	})
	return e
}

// receipt is a Pix received, at times refunded by us.
func (p delfinance) receipt(w *writer, kinds map[string]*kind) {
	at := w.times(kinds["pix_receipt"], []string{"PIX_EFFECTIVE"})[0]
	paid := p.received(w, kinds["pix_receipt"], at, w.amount(), guid(w.r))
	if !chance(w.r, 0.5) {
		return
	}
	k := kinds["pix_refund"]
	history := k.walk(w.r)
	begin := w.later(at)
	end := w.later(begin)
	e := w.entity(k, endToEnd(w.r, "D", delfinanceISPB, begin))
	e.money("out", max(1, *paid.Amount/int64(1+w.r.IntN(3))), "BRL")
	key := guid(w.r)
	shown := object{
		"id": key, "endToEndId": e.ID, "originalEndToEndId": paid.ID, "operationType": "DEBIT_REFUND", "amount": reais(*e.Amount), "createdAt": zulu(w.r, begin),
		"type": object{"name": "DEBIT_PIX_REFUND", "description": "refund"},
	}
	e.change(begin, history[0], shown.with(object{"status": history[0]}))
	e.change(end, history[1], shown.with(object{"status": history[1]}), "EFFECTIVE")
	if history[1] == "PIX_ERROR" {
		e.unread, e.unlisted = true, true // the statement holds only what is effective
		w.tell(e, "PIX_REFUND_PAYMENT_UPDATED", end, object{
			"status": "PIX_ERROR", "error": object{"code": "DEL20", "description": "original Pix not processed yet"}, "eventType": "PIX_REFUND_PAYMENT_ERROR",
			"endToEndId": e.ID, "idempotencyKey": paid.ID, "correlationId": nil, "amount": reais(*e.Amount), "createdAt": unzoned(begin),
			"finishedAt": unzoned(end), "description": nil, "payer": nil, "beneficiary": nil,
		})
		return
	}
	// The newer documents announce it as a payment, the older ones as a refund.
	w.tell(e, pick(w.r, "PIX_PAYMENT_UPDATED", "PIX_REFUND_PAYMENT_UPDATED"), end, object{
		"eventType": "PIX_REFUND_PAYMENT_EFFECTIVE", "operationType": "DEBIT_REFUND", "endToEndId": e.ID, "originalEndToEndId": paid.ID,
		"idempotencyKey": key, "status": "PIX_EFFECTIVE", "amount": reais(*e.Amount), "createdAt": zulu(w.r, begin), "description": "partial refund",
		"payer": w.party(true), "beneficiary": w.party(false),
	})
}

// payment is a Pix sent, whose money at times comes back.
func (p delfinance) payment(w *writer, kinds map[string]*kind) {
	k := kinds["pix_payment"]
	history := k.walk(w.r)
	times := w.times(k, history)
	e := w.entity(k, endToEnd(w.r, "E", delfinanceISPB, times[0]))
	e.money("out", w.amount(), "BRL")
	key, payer, beneficiary := guid(w.r), w.party(true), w.party(false)
	status := history[1]
	body := object{
		"eventType": "PIX_PAYMENT_EFFECTIVE", "endToEndId": e.ID, "idempotencyKey": key, "status": status, "amount": reais(*e.Amount),
		"createdAt": zulu(w.r, times[0]), "description": "supplier", "payer": payer, "beneficiary": beneficiary,
	}
	if status == "PIX_ERROR" {
		e.unlisted = true
		body["eventType"], body["error"] = "PIX_PAYMENT_ERROR", object{"code": "AC06", "description": "beneficiary account blocked"}
	}
	shown := body.with(object{"id": key, "type": "PIX_QR_CODE_DYNAMIC", "updatedAt": zulu(w.r, times[1])})
	delete(shown, "eventType")
	before := shown.with(object{"status": history[0]})
	delete(before, "error")
	e.change(times[0], history[0], before)
	e.change(times[1], status, shown)
	w.tell(e, "PIX_PAYMENT_UPDATED", times[1], body, status)
	if status == "PIX_EFFECTIVE" && chance(w.r, 0.3) {
		p.refunded(w, kinds["pix_refund"], e)
	}
}

// refunded is the refund of a Pix that was sent.
func (delfinance) refunded(w *writer, k *kind, paid *Entity) {
	at := w.later(paid.Last().At)
	e := w.entity(k, endToEnd(w.r, "D", "60701190", at))
	e.money("in", *paid.Amount, "BRL")
	created := zulu(w.r, at)
	e.change(at, "PIX_EFFECTIVE", object{
		"endToEndId": e.ID, "originalEndToEndId": paid.ID, "amount": reais(*e.Amount), "status": "EFFECTIVE", "createdAt": created,
		"type": object{"name": "CREDIT_PIX_REFUND", "description": "refund"},
	}, "EFFECTIVE")
	w.tell(e, "PIX_REFUNDED", at, object{
		"eventType": "PIX_REFUNDED", "endToEndId": e.ID, "originalEndToEndId": paid.ID, "amount": reais(*e.Amount), "bankAccount": w.connection.AccountID,
		"refundCode": "MD06", "reasonRefund": "requested by customer", "idempotencyKey": guid(w.r), "externalId": guid(w.r), "createdAt": created,
		"proof": object{
			"endToEndId": e.ID, "originalEndToEndId": paid.ID, "status": "PIX_EFFECTIVE", "operationType": "CREDIT_REFUND", "amount": reais(*e.Amount),
			"createdAt": created, "finishedAt": created, "description": "requested by customer", "payer": w.party(false), "beneficiary": w.party(true),
		},
	})
}

// transfer is one within Delfinance or a TED, out or in.
func (delfinance) transfer(w *writer, kinds map[string]*kind) {
	k, typ, channel := kinds["transfer"], "TRANSFER_INTERNAL_", "INTERNAL"
	if chance(w.r, 0.4) {
		k, typ, channel = kinds["ted"], "TRANSFER_EXTERNAL_", "TED"
	}
	at := w.times(k, []string{k.states[0].word})[0]
	out := chance(w.r, 0.5)
	id := guid(w.r)
	if !out && channel == "INTERNAL" {
		id = "C" + id
	}
	e := w.entity(k, id)
	e.unlisted = true // that the statement names their ids is not documented
	direction, side := "in", "CREDITED"
	if out {
		direction, side = "out", "DEBITED"
	}
	e.money(direction, w.amount(), "BRL")
	shown := object{
		"id": id, "externalId": "ORD-" + word(w.r, digits, 6), "status": k.states[0].word, "paymentChannel": "API", "type": channel,
		"amount": reais(*e.Amount), "createdAt": zulu(w.r, at), "payer": w.party(out), "beneficiary": w.party(!out),
	}
	e.change(at, k.states[0].word, shown, "DONE", "EFFECTIVE")
	w.tell(e, typ+side, at, shown.with(object{"eventType": typ + side}))
}

func (delfinance) infraction(w *writer, k *kind) {
	history := k.walk(w.r)
	times := w.times(k, history)
	e := w.entity(k, guid(w.r))
	base := object{
		"id": e.ID, "endToEndId": endToEnd(w.r, "E", "18236120", times[0]), "reason": "RETURN_REQUEST", "type": "SCAM_FRAUD",
		"debitedParticipant": object{"ispb": "18236120", "name": "Banco Exemplo"}, "creditedParticipant": object{"ispb": delfinanceISPB, "name": "DELBANK"},
		"infractionDetails": "payer reports a fake shop", "analysisDetails": nil, "createdAt": zulu(w.r, times[0]),
	}
	for i, status := range history {
		body := base.with(object{"status": status, "updatedAt": zulu(w.r, times[i])})
		typ := "INFRACTION_NOTIFICATION_CREATED"
		if i > 0 {
			typ = "INFRACTION_NOTIFICATION_UPDATED"
		}
		e.change(times[i], status, body)
		w.tell(e, typ, times[i], body, status)
	}
}

func (delfinance) account(w *writer, k *kind) {
	history := k.walk(w.r)
	times := w.times(k, history)
	e := w.entity(k, word(w.r, digits, 9))
	e.Currency, e.unread, e.unlisted = "BRL", true, true
	for i, status := range history {
		updated := zulu(w.r, times[i])
		e.change(times[i], status, object{"number": e.ID, "branch": "0001", "status": map[string]string{"ACTIVE": "APPROVED", "BLOCKED": "BLOCKED"}[status]})
		if status == "ACTIVE" {
			e.words = append(e.words, "APPROVED")
		}
		w.tell(e, "ACCOUNT_STATUS_UPDATED", times[i], object{
			"bankAccount": e.ID, "eventType": "ACCOUNT_STATUS_UPDATED", "status": status, "updatedAt": updated,
		}, status, updated)
	}
}

func (delfinance) customer(w *writer, k *kind) {
	history := k.walk(w.r)
	times := w.times(k, history)
	e := w.entity(k, word(w.r, digits, 11))
	e.unlisted = true
	holder := person(w.r)
	for i, status := range history {
		spelled := map[string]string{"DOCUMENTATION_REJECTED": "DOCUMENTATION_DENIED", "submitted": "UNDER_ANALYSIS"}[status]
		if spelled == "" {
			spelled = status
		}
		e.change(times[i], status, object{"document": e.ID, "name": holder, "status": spelled, "documents": []any{}}, spelled)
		switch status {
		case "DOCUMENTATION_REJECTED":
			w.tell(e, "WHITELABEL_CUSTOMER_DOCUMENTATION_REJECTED", times[i], object{"name": holder, "document": e.ID, "bankAccountNumber": nil})
		case "APPROVED":
			w.tell(e, "WHITELABEL_CUSTOMER_APPROVED", times[i], object{"name": holder, "document": e.ID, "bankAccountNumber": 40000 + w.r.IntN(9999)})
		}
	}
}
