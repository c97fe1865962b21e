package fintoc_test

import (
	"testing"

	"github.com/hookfold/hookfold/pkg/provider/fintoc"
	"github.com/hookfold/hookfold/pkg/provider/providertest"
)

// sample returns the connection's named sample.
func sample(b testing.TB, name string) providertest.Sample {
	b.Helper()
	_, all := providertest.Load(b, samples)
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	b.Fatalf("no sample %s", name)
	return providertest.Sample{}
}

// hot are a plain delivery of about 900 bytes, and one that yields two observations.
var hot = []string{"payment_intent.succeeded", "transfer.inbound.succeeded"}

func BenchmarkVerify(b *testing.B) {
	conn, _ := providertest.Load(b, samples)
	verifier, err := fintoc.New().Verifier(conn)
	if err != nil {
		b.Fatal(err)
	}
	d := sample(b, hot[0]).Delivery
	b.SetBytes(int64(len(d.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := verifier.Verify(&d); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDescribe(b *testing.B) {
	p, d := fintoc.New(), sample(b, hot[0]).Delivery
	b.SetBytes(int64(len(d.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if p.Describe(&d).Entity == "" {
			b.Fatal("no entity")
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, name := range hot {
		b.Run(name, func(b *testing.B) {
			p, s := fintoc.New(), sample(b, name)
			e := record(b, s)
			b.SetBytes(int64(len(e.Body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Decode(&e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
