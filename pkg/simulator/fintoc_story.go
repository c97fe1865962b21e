package simulator

import (
	"time"
)

// teller tells Fintoc's stories.
type teller struct {
	*writer
	kinds map[string]*kind
}

// emit adds an event about an entity; the resource is what it carries.
func (t *teller) emit(e *Entity, typ string, at time.Time, resource object, with ...*Entity) {
	id := "evt_" + word(t.r, alnum, 16)
	t.event(happening{
		at: at, id: id, typ: typ, fact: id, about: e, with: with,
		body: object{"id": id, "object": "event", "type": typ, "mode": t.connection.Mode, "created_at": millis(at), "data": resource}.text(),
	})
}

// resource is an object with what all of Fintoc's have.
func (t *teller) resource(e *Entity, status string, base object) object {
	return base.with(object{"id": e.ID, "object": e.Kind, "mode": t.connection.Mode, "status": status})
}

func (t *teller) bank() object {
	return object{"holder_id": word(t.r, digits, 9), "number": word(t.r, digits, 9), "type": "checking_account", "institution_id": "cl_banco_estado"}
}

func (t *teller) counterparty() object {
	return object{
		"holder_id": "XAXX010101000", "holder_name": person(t.r), "account_number": word(t.r, digits, 18), "account_type": "clabe",
		"institution": object{"id": "40012", "name": "Banco Ejemplo", "country": "mx"},
	}
}

// announced says whether a status of a kind has an event, and its name.
func announced(kind, status string) (event string, ok bool) {
	switch kind + " " + status {
	case "payout in_progress":
		return "created", true
	case "payment_intent created", "payment_intent in_progress", "payment_intent requires_action", "refund created", "charge pending",
		"charge in_progress", "account_verification pending", "subscription_intent created", "subscription pending", "transfer pending",
		"transfer return_pending":
		return "", false
	case "subscription active":
		return "activated", true
	}
	return status, true
}

// plain tells of an entity whose events are its kind and status, and that nothing comes of.
func (t *teller) plain(name, prefix string, base object, direction ...string) *Entity {
	k := t.kinds[name]
	history := k.walk(t.r)
	return t.along(k, prefix, base, history, t.times(k, history), direction...)
}

// along is plain for a given history.
func (t *teller) along(k *kind, prefix string, base object, history []string, times []time.Time, direction ...string) *Entity {
	e := t.entity(k, prefix+word(t.r, alnum, 20))
	if len(direction) > 0 {
		e.money(direction[0], base["amount"].(int64), base["currency"].(string))
	}
	for i, status := range history {
		shown := t.resource(e, status, base)
		if k.name != "account_verification" {
			shown["created_at"] = millis(times[0])
		}
		if k.name == "refund" {
			shown["updated_at"] = millis(times[i])
		}
		if status == "failed" {
			failure := map[string]string{"payment_intent": "error_reason", "account_verification": "reason"}[k.name]
			if failure == "" {
				failure = "failure_code"
			}
			shown[failure] = "insufficient_funds"
		}
		e.change(times[i], status, shown)
		if name, ok := announced(k.name, status); ok {
			t.emit(e, k.name+"."+name, times[i], shown)
		}
	}
	return e
}

func (t *teller) intent() object {
	return object{
		"amount": t.amount(), "currency": pick(t.r, "CLP", "CLP", "MXN"), "payment_type": "bank_transfer", "payment_type_options": object{},
		"error_reason": nil, "payment_method": nil, "next_action": nil, "reference_id": nil, "customer": nil, "customer_email": nil,
		"subscription": nil, "business_profile": nil, "sender_account": t.bank(), "recipient_account": t.bank(), "metadata": object{},
		"expires_at": nil, "transaction_date": nil, "widget_token": nil,
	}
}

// payment is a payment intent, at times refunded.
func (t *teller) payment() {
	base := t.intent()
	paid := t.plain("payment_intent", "pi_", base, "in")
	if paid.Last().Word != "succeeded" || !chance(t.r, 0.4) {
		return
	}
	k := t.kinds["refund"]
	history := k.walk(t.r)
	times := []time.Time{t.later(paid.Last().At)}
	for len(times) < len(history) {
		times = append(times, t.later(times[len(times)-1]))
	}
	t.along(k, "re_", object{
		"amount": max(1, *paid.Amount/int64(1+t.r.IntN(3))), "currency": paid.Currency, "failure_code": nil, "resource_type": "payment_intent",
		"resource_id": paid.ID, "recipient_account": t.bank(), "metadata": object{},
	}, history, times, "out")
}

// session is a checkout session. One that is finished is as its payment is, which must be at its end for that.
func (t *teller) session() {
	k, intents := t.kinds["checkout_session"], t.kinds["payment_intent"]
	history := k.walk(t.r)
	times := t.times(k, history)
	e := t.entity(k, "cs_"+word(t.r, alnum, 20))
	base := t.intent()
	e.money("in", base["amount"].(int64), base["currency"].(string))
	own := object{
		"flow": "payment", "amount": base["amount"], "currency": base["currency"], "customer": nil, "customer_email": nil,
		"payment_method_types": []any{"bank_transfer"}, "payment_method": nil, "metadata": object{}, "success_url": "https://shop.example/ok",
		"cancel_url": "https://shop.example/no", "created_at": seconds(times[0]), "expires_at": seconds(times[0].Add(24 * time.Hour)),
	}
	for i, status := range history {
		shown := t.resource(e, status, own)
		if status != "finished" {
			e.change(times[i], status, shown)
			if status == "expired" {
				t.emit(e, "checkout_session.expired", times[i], shown)
			}
			continue
		}
		payment := t.entity(intents, "pi_"+word(t.r, alnum, 20))
		payment.money("in", base["amount"].(int64), base["currency"].(string))
		for j, word := range []string{"created", "in_progress"} {
			payment.change(times[j], word, t.resource(payment, word, base).with(object{"created_at": millis(times[j])}))
		}
		end := pick(t.r, "succeeded", "succeeded", "succeeded", "failed", "rejected")
		whole := t.resource(payment, end, base).with(object{"created_at": millis(times[0])})
		payment.change(times[i], end, whole)
		t.emit(payment, "payment_intent."+end, times[i], whole)
		short := t.resource(payment, end, object{"amount": base["amount"], "currency": base["currency"]})
		shown["payment_resource"] = object{"payment_intent": short}
		e.change(times[i], "finished", shown)
		e.Last().Status = intents.means(end)
		t.emit(e, "checkout_session.finished", times[i], shown)
	}
}

// transfer is one out or in, by an account number that may be deleted later.
func (t *teller) transfer() {
	direction, name := "outbound", "transfer"
	if chance(t.r, 0.5) {
		direction, name = "inbound", "inbound"
	}
	k := t.kinds[name]
	history := k.walk(t.r)
	times := t.times(k, history)
	numbers := t.kinds["account_number"]
	number := t.entity(numbers, "acno_"+word(t.r, alnum, 16))
	enabled := t.resource(number, "enabled", object{
		"account_id": "acc_" + word(t.r, alnum, 12), "number": word(t.r, digits, 18), "description": "Customer " + word(t.r, digits, 3),
		"metadata": object{}, "is_root": false, "created_at": millis(times[0]), "updated_at": millis(times[0]),
	})
	number.change(times[0], "enabled", enabled)
	e := t.entity(&kind{"transfer", k.family, k.states}, "tr_"+word(t.r, alnum, 20))
	base := object{
		"amount": t.amount(), "currency": "MXN", "direction": direction, "transaction_date": seconds(times[0]), "post_date": nil,
		"comment": "Invoice " + word(t.r, digits, 4), "reference_id": word(t.r, digits, 6), "tracking_key": nil, "receipt_url": nil,
		"return_reason": nil, "metadata": object{}, "counterparty": t.counterparty(), "account_number": enabled,
	}
	e.money(map[string]string{"outbound": "out", "inbound": "in"}[direction], base["amount"].(int64), "MXN")
	for i, status := range history {
		shown := t.resource(e, status, base)
		if status == "returned" {
			shown["return_reason"] = "closed_account"
		}
		e.change(times[i], status, shown)
		event, ok := announced("transfer", status)
		switch {
		case !ok:
			continue
		case status == "succeeded" && i > 1: // its return failed
			event = "return_failed"
		}
		t.emit(e, "transfer."+direction+"."+event, times[i], shown)
	}
	if chance(t.r, 0.2) {
		at := t.later(times[len(times)-1])
		number.change(at, "deleted", enabled.with(object{"updated_at": millis(at)}))
		number.wordless()
		number.unread = true // what the API shows of it afterwards is not documented
		t.emit(number, "account_number.deleted", at, enabled.with(object{"updated_at": millis(at)}))
	}
}

// subscription is an intent to be charged, and the subscription that comes of it.
func (t *teller) subscription() {
	k := t.kinds["subscription_intent"]
	history := k.walk(t.r)
	times := t.times(k, history)
	intent := t.entity(k, "si_"+word(t.r, alnum, 16))
	base := object{
		"public_error": nil, "reference_id": nil, "business_profile": object{"name": "Shop Sample"}, "widget_token": nil,
		"created_at": millis(times[0]), "subscription": nil,
	}
	intent.change(times[0], history[0], t.resource(intent, history[0], base))
	status := history[1]
	shown := t.resource(intent, status, base)
	if status != "succeeded" {
		intent.change(times[1], status, shown)
		t.emit(intent, "subscription_intent."+status, times[1], shown)
		return
	}
	own := t.kinds["subscription"]
	e := t.entity(own, "sub_"+word(t.r, alnum, 16))
	at := times[1]
	subscription := object{"reference_id": nil, "created_at": millis(at), "account": nil}
	for i, word := range own.walk(t.r) {
		if i > 0 {
			at = t.later(at)
		}
		now := t.resource(e, word, subscription)
		e.change(at, word, now)
		if event, ok := announced("subscription", word); ok {
			t.emit(e, "subscription."+event, at, now)
		}
		if i == 0 {
			shown["subscription"] = now
			intent.change(at, status, shown)
			t.emit(intent, "subscription_intent.succeeded", at, shown)
		}
	}
}

// link is a bank link that loses its credentials and may get them back, with the accounts under it.
func (t *teller) link() {
	k := t.kinds["link"]
	history := k.walk(t.r)
	times := t.times(k, history)
	e := t.entity(k, "link_"+word(t.r, alnum, 16))
	var accounts []*Entity
	var nested []any
	for range 1 + t.r.IntN(2) {
		a := t.entity(t.kinds["account"], "acc_"+word(t.r, alnum, 16))
		a.Currency, a.unread, a.unlisted = "CLP", true, true
		shown := object{
			"id": a.ID, "object": "account", "type": "checking_account", "number": word(t.r, digits, 9), "name": "Cuenta Corriente",
			"official_name": "Cuenta Corriente", "currency": "CLP", "holder_id": word(t.r, digits, 9), "holder_name": person(t.r),
			"balance": object{"available": t.amount(), "current": t.amount(), "limit": t.amount()}, "refreshed_at": nil,
		}
		a.change(times[0], "linked", shown)
		a.wordless()
		accounts, nested = append(accounts, a), append(nested, shown)
	}
	base := object{
		"active": true, "refresh_status": "idle", "holder_id": word(t.r, digits, 9), "holder_type": "business", "username": word(t.r, digits, 9),
		"institution": object{"id": "cl_banco_de_chile", "name": "Banco de Chile", "country": "cl"}, "link_token": nil,
		"created_at": millis(times[0]), "last_time_refreshed": millis(times[0]), "accounts": nested,
	}
	refresh := func(about *Entity, outcome string, at time.Time) {
		t.emit(about, about.Kind+".refresh_intent."+outcome, at, object{
			"object": "refresh_intent", "refreshed_object": about.Kind, "refreshed_object_id": about.ID, "status": outcome, "public_error": nil,
			"type": "only_last", "new_movements": t.r.IntN(9), "created_at": millis(at.Add(-time.Minute)),
		})
	}
	for i, status := range history {
		shown := t.resource(e, status, base)
		e.change(times[i], status, shown)
		switch {
		case status == "login_required":
			t.emit(e, "link.credentials_changed", times[i], shown, accounts...)
		case i > 0: // no event says that credentials came back, but a refresh that works shows it
			refresh(e, "succeeded", times[i])
			for _, a := range accounts {
				refresh(a, "succeeded", times[i])
			}
		default:
			refresh(accounts[0], pick(t.r, "succeeded", "failed"), times[i])
		}
	}
}
