package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/hookfold/hookfold/pkg/provider/devengo"
)

// boundCommand as the first argument makes this program the endpoint that does the least work possible: net/http, the
// body, one HMAC, 200. It prints its address and serves until its standard input ends.
const boundCommand = "bound"

func serveBound() error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	failed := make(chan error, 1)
	go func() { failed <- http.Serve(ln, http.HandlerFunc(checkAndAnswer)) }()
	if err := untilParentEnds(); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

func checkAndAnswer(w http.ResponseWriter, r *http.Request) {
	body := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	at, sig, _ := strings.Cut(strings.TrimPrefix(r.Header.Get(devengo.Header), "t="), ",v1=")
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(at))
	h.Write([]byte{'.'})
	h.Write(body)
	if got, err := hex.DecodeString(sig); err != nil || !hmac.Equal(got, h.Sum(nil)) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.WriteHeader(http.StatusOK)
}
