package simulator

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// truth is what a perfect receiver would show: rows of the family's views, and of the timeline.
func truth(p *Plan) (rows map[string][]map[string]any) {
	rows = map[string][]map[string]any{}
	for _, e := range p.Entities {
		row := map[string]any{"connection": e.Connection, "provider": e.Provider, "kind": e.Kind, "id": e.ID, "status": e.Last().Status}
		if words := e.Words(); len(words) > 0 {
			row["provider_status"] = words[len(words)-1]
		}
		if e.Amount != nil {
			row["amount"], row["direction"] = *e.Amount, e.Direction
		}
		if e.Currency != "" {
			row["currency"] = e.Currency
		}
		rows[e.Family+"s"] = append(rows[e.Family+"s"], row)
	}
	seen := map[string]bool{}
	for _, d := range p.Deliveries {
		if d.Genuine() && !seen[d.Connection+d.Fact] {
			seen[d.Connection+d.Fact] = true
			id := d.EventID
			if id == "" {
				id = d.Fact
			}
			rows["timeline"] = append(rows["timeline"], map[string]any{
				"connection": d.Connection, "kind": d.Kind, "id": d.ID, "observation_id": id, "source": "webhook",
				"type": p.Connection(d.Connection).Provider + "." + d.Type,
			})
		}
	}
	return rows
}

func allTaken(p *Plan) *Sent {
	s := &Sent{Acknowledged: map[int]bool{}}
	for _, d := range p.Deliveries {
		if d.Genuine() {
			s.Acknowledged[d.Number] = true
		}
	}
	return s
}

func judge(p *Plan, rows map[string][]map[string]any, sent *Sent) Verdict {
	a := NewAuditor(p)
	for _, view := range Views() {
		for _, row := range rows[view] {
			a.Row(view, row)
		}
	}
	a.Sent(sent)
	return a.Verdict()
}

// The auditor is content with the truth, and with nothing else.
func TestAuditor(t *testing.T) {
	p := mustPlan(t, Options{Seed: 9, Stories: 600, Chaos: Chaos{Duplicate: 0.3, Forge: 0.2}})
	find := func(rows []map[string]any, column, value string) map[string]any {
		for _, row := range rows {
			if text(row[column]) == value {
				return row
			}
		}
		t.Fatalf("no row has %s %s", column, value)
		return nil
	}
	for _, c := range []struct {
		name   string
		spoil  func(rows map[string][]map[string]any, sent *Sent)
		counts [6]int // missing, wrong, extra, lost, believed, twice
		says   string
	}{
		{"truth", func(map[string][]map[string]any, *Sent) {}, [6]int{}, ""},
		{"missing", func(rows map[string][]map[string]any, _ *Sent) { rows["accounts"] = rows["accounts"][1:] }, [6]int{1}, "expected active"},
		{"status", func(rows map[string][]map[string]any, _ *Sent) {
			find(rows["payments"], "status", "succeeded")["status"] = "failed"
		}, [6]int{0, 1}, "status: expected succeeded, found failed"},
		{"provider status", func(rows map[string][]map[string]any, _ *Sent) {
			find(rows["payments"], "provider_status", "confirmed")["provider_status"] = "processing"
		}, [6]int{0, 1}, "provider_status: expected confirmed, found processing"},
		{"amount", func(rows map[string][]map[string]any, _ *Sent) {
			find(rows["payments"], "direction", "in")["amount"] = int64(1)
		}, [6]int{0, 1}, "amount: expected"},
		{"direction", func(rows map[string][]map[string]any, _ *Sent) {
			find(rows["payments"], "direction", "in")["direction"] = nil
		}, [6]int{0, 1}, "direction: expected in, found nothing"},
		{"currency", func(rows map[string][]map[string]any, _ *Sent) {
			find(rows["payments"], "currency", "ZAR")["currency"] = "EUR"
		}, [6]int{0, 1}, "currency: expected ZAR, found EUR"},
		{"extra", func(rows map[string][]map[string]any, _ *Sent) {
			rows["payments"] = append(rows["payments"], map[string]any{"connection": "devengo-sim", "kind": "outgoing_payment", "id": "pyo_1", "status": "succeeded"})
		}, [6]int{0, 0, 1}, "found a row in payments"},
		{"wrong family", func(rows map[string][]map[string]any, _ *Sent) {
			rows["accounts"], rows["links"] = rows["accounts"][1:], append(rows["links"], rows["accounts"][0])
		}, [6]int{1, 0, 1}, "found a row in links"},
		{"another's connection", func(rows map[string][]map[string]any, _ *Sent) {
			rows["payments"] = append(rows["payments"], map[string]any{"connection": "mine", "kind": "payment", "id": "1"})
		}, [6]int{}, ""},
		{"lost event", func(rows map[string][]map[string]any, _ *Sent) {
			find(rows["timeline"], "connection", "yoco-sim")["observation_id"] = "evt_other"
		}, [6]int{0, 0, 0, 1}, "expected event evt_"},
		{"lost fact", func(rows map[string][]map[string]any, _ *Sent) {
			find(rows["timeline"], "type", "delfinance.PIX_RECEIVED")["connection"] = "mine"
		}, [6]int{0, 0, 0, 1}, "PIX_RECEIVED: expected 1 events, found 0"},
		{"not acknowledged, not lost", func(rows map[string][]map[string]any, sent *Sent) {
			gone := find(rows["timeline"], "connection", "yoco-sim")["observation_id"]
			find(rows["timeline"], "connection", "yoco-sim")["observation_id"] = "evt_other"
			for _, d := range p.Deliveries {
				if d.EventID == gone {
					delete(sent.Acknowledged, d.Number)
				}
			}
		}, [6]int{}, ""},
		{"believed", func(_ map[string][]map[string]any, sent *Sent) {
			for _, d := range p.Deliveries {
				if d.Fault == Forged {
					sent.Believed = append(sent.Believed, d.Number)
					break
				}
			}
		}, [6]int{0, 0, 0, 0, 1}, "refusal of the forged delivery"},
		{"without a name, taken for a new one", func(rows map[string][]map[string]any, _ *Sent) {
			again := maps.Clone(find(rows["timeline"], "type", "delfinance.WHITELABEL_CUSTOMER_DOCUMENTATION_REJECTED"))
			again["observation_id"] = "another"
			rows["timeline"] = append(rows["timeline"], again)
		}, [6]int{}, ""},
		{"counted twice", func(rows map[string][]map[string]any, _ *Sent) {
			again := maps.Clone(find(rows["timeline"], "type", "delfinance.PIX_RECEIVED"))
			again["observation_id"] = "another"
			rows["timeline"] = append(rows["timeline"], again)
		}, [6]int{0, 0, 0, 0, 0, 1}, "PIX_RECEIVED: expected 1 events, found 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, sent := truth(p), allTaken(p)
			c.spoil(rows, sent)
			v := judge(p, rows, sent)
			got := [6]int{len(v.Missing), len(v.Wrong), len(v.Extra), len(v.Lost), len(v.Believed), len(v.Twice)}
			if got != c.counts || v.OK() != (c.counts == [6]int{}) {
				t.Errorf("missing, wrong, extra, lost, believed, twice: %v, want %v; %+v", got, c.counts, v)
			}
			if want := got[0]+got[1]+got[2]+got[3] > 0; v.CanChange() != want {
				t.Errorf("it can change: %v, want %v", v.CanChange(), want)
			}
			all := ""
			for _, part := range [][]Difference{v.Missing, v.Wrong, v.Extra, v.Lost, v.Believed, v.Twice} {
				for _, d := range part {
					all += d.String() + "\n"
				}
			}
			if !strings.Contains(all, c.says) {
				t.Errorf("says %q, not %q", all, c.says)
			}
			if v.Right+len(v.Missing)+len(v.Wrong) != v.Entities && c.name != "wrong family" {
				t.Errorf("%d right of %d", v.Right, v.Entities)
			}
		})
	}
}

// A receiver that asks an API too much, or wears out its key, is not right, whatever its rows say.
func TestAuditorJudgesWhatWasAsked(t *testing.T) {
	p, err := NewPlan(Options{Seed: 3, Stories: 12})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		counts APICounts
		says   []string
	}{
		{APICounts{Requests: 900, Unauthorized: 1}, nil},
		{APICounts{Requests: 900, OverLimit: 3}, []string{"fintoc-sim requests: expected at most 5 in 1s, found 3 beyond that"}},
		{APICounts{Unauthorized: 7, Locked: true}, []string{"fintoc-sim key: expected one that works, found locked after 7 requests with bad credentials"}},
	} {
		a := NewAuditor(p)
		a.Asked(map[string]APICounts{Fintoc: c.counts, Yoco: {Requests: 1}})
		v := a.Conduct()
		var says []string
		for _, d := range v.Abused {
			says = append(says, d.String())
		}
		if !slices.Equal(says, c.says) || v.OK() != (len(c.says) == 0) {
			t.Errorf("%+v gives %q", c.counts, says)
		}
	}
}
