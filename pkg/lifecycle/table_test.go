package lifecycle_test

import (
	"testing"

	"github.com/hookfold/hookfold/pkg/lifecycle/lifecycletest"
)

func TestTable(t *testing.T) {
	if n := lifecycletest.Table(t, payment(t), "../../testdata/lifecycle/payment.txt"); n < 30 {
		t.Fatalf("only %d lines were checked", n)
	}
}
