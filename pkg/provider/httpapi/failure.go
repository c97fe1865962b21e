package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hookfold/hookfold/pkg/provider"
)

// Reading is what the body and headers of an answer say beyond its status.
type Reading struct {
	// Code is the provider's word for the error. It is shown only where it looks like a code.
	Code string
	// Class, where it is set, stands in for what the status says; a 404 that has a class is not about the entity.
	Class provider.ErrorClass
	// Missing says that the provider does not know the entity, whatever the status.
	Missing bool
	// Wait is how long to wait, where the answer says so otherwise than by Retry-After.
	Wait time.Duration
	// Hint is a sentence of ours for whoever reads the error.
	Hint string
}

// maxWait bounds what a provider can ask: a slip of its clock must not stop look-ups for days.
const maxWait = 24 * time.Hour

// failure is the error of an answer that is not a success.
func (a *API) failure(req *Request, r *Response) *provider.APIError {
	reading := a.reading(r)
	e := &provider.APIError{Class: reading.Class, Status: r.Status, RetryAfter: reading.Wait}
	if e.Class == "" {
		e.Class = classOf(r.Status)
	}
	if wait := RetryAfter(r); wait > 0 {
		e.RetryAfter = wait
	}
	e.RetryAfter = min(max(e.RetryAfter, 0), maxWait)
	e.Text = req.String()
	for _, part := range []string{codeText(reading.Code), a.hint(e, r), reading.Hint} {
		if part != "" {
			e.Text += ": " + part
		}
	}
	return e
}

func (a *API) reading(r *Response) Reading {
	if a.Read == nil {
		return Reading{}
	}
	return a.Read(*r)
}

// hint says what to do, where the status alone tells.
func (a *API) hint(e *provider.APIError, r *Response) string {
	switch {
	case e.Class == provider.Unauthorized && a.Credentials != "":
		return "not authorized; check " + a.Credentials
	case r.Status/100 == 3:
		return "answered with a redirect, which is not followed; check api.base_url"
	case isPage(r) && r.Status < 500: // a proxy before the API can be down too
		return "answered with a web page; check api.base_url"
	}
	return ""
}

// classOf is what an HTTP status says.
func classOf(status int) provider.ErrorClass {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return provider.Unauthorized
	case status == http.StatusTooManyRequests:
		return provider.RateLimited
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status >= 500:
		return provider.Unavailable
	default:
		return provider.Rejected
	}
}

// RetryAfter is how long an answer asks to wait, in seconds or as a time, which is held against the answer's own clock; zero
// where it does not ask.
func RetryAfter(r *Response) time.Duration {
	text := strings.TrimSpace(r.Header.Get("Retry-After"))
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if !(seconds > 0) {
			return 0
		}
		return time.Duration(min(seconds, maxWait.Seconds()) * float64(time.Second))
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0 // neither form: as if it were not there
	}
	return Until(r, at)
}

// Until is how long it is to a time by the answer's clock, or by ours where it has none; at least zero.
func Until(r *Response, at time.Time) time.Duration {
	now := r.Date
	if now.IsZero() {
		now = time.Now()
	}
	return max(at.Sub(now), 0)
}

// isPage says whether an answer is a web page, which no API answers with: the address is another's.
func isPage(r *Response) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && media == "text/html"
}

// codeText is a provider's error code where it has the looks of one. Codes are words with a few digits; a text, an id, a
// document's number or a key is none.
func codeText(code string) string {
	digits := 0
	for i, r := range code {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		switch {
		case i == 0 && !letter:
			return ""
		case r >= '0' && r <= '9':
			digits++
		case !letter && r != '_' && r != '-' && r != '.':
			return ""
		}
	}
	if len(code) > 64 || digits > 4 || strings.HasPrefix(code, "sk_") || strings.HasPrefix(code, "pk_") || strings.HasPrefix(code, "whsec_") {
		return ""
	}
	return code
}

// String is the method and the pattern of the path.
func (req *Request) String() string { return req.Method + " " + req.Path }

// fail is an error that no answer's status explains.
func (req *Request) fail(class provider.ErrorClass, text string) *provider.APIError {
	return &provider.APIError{Class: class, Text: req.String() + ": " + text}
}

// noAnswer is the error of a request that was not answered, or not to the end.
func (req *Request) noAnswer(ctx context.Context, err error) *provider.APIError {
	e := &provider.APIError{Class: provider.Unavailable, Text: req.String(), Err: cause(err)}
	var op *net.OpError
	switch {
	case ctx.Err() != nil && !errors.Is(e.Err, ctx.Err()):
		e.Err = ctx.Err() // err is its cause, which the caller knows
	case errors.As(err, &op) && op.Op == "remote error" && strings.Contains(op.Error(), "certificate"):
		e.Class = provider.Unauthorized // an alert of TLS; the certificate is a credential like others
		e.Text += ": the client certificate is not accepted; check api.client_cert"
	}
	return e
}

// cause is an error without the address of the request in it. Errors that are known to hold no more than hosts, ports and
// certificates are kept; others could quote what was received, and keep only their type.
func cause(err error) error {
	for outer := new(url.Error); errors.As(err, &outer); {
		err = outer.Err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	var timeout net.Error
	if errors.As(err, &op) || errors.As(err, &certificate) || errors.As(err, &timeout) {
		return err
	}
	return fmt.Errorf("no valid HTTP answer (%T)", err)
}

// Missing says whether the error is that what was asked for does not exist.
func Missing(err error) bool {
	var e *provider.APIError
	return errors.As(err, &e) && (e.Status == http.StatusNotFound || e.Status == http.StatusGone) && e.Class == provider.Rejected
}
