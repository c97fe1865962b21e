package devengo

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/httpapi"
)

const (
	// defaultLife is how long a token lives that does not say so itself: what Devengo's samples imply.
	defaultLife = 30 * time.Minute
	// margin is how long before its end a token is not used any more.
	margin = time.Minute
)

// tokens are the older way in: a token for an e-mail address and a password, renewed before it ends. There is no refresh
// call that is documented, so that renewing is logging in again.
//
// A login that is refused stays refused: it is not tried again by the same client, since that could lock the account.
type tokens struct {
	api             httpapi.API // without Authorize
	email, password string

	// turn is held while a token is looked at or asked for, by one call at a time.
	turn    chan struct{}
	token   string
	until   time.Time
	refused error
}

func newTokens(api httpapi.API, email, password string) *tokens {
	return &tokens{api: api, email: email, password: password, turn: make(chan struct{}, 1)}
}

// get returns a token that still lives, and whether it was made just now. The token stale is given up.
func (t *tokens) get(ctx context.Context, stale string) (token string, fresh bool, err error) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", false, &provider.APIError{Class: provider.Unavailable, Text: "waiting for a login", Err: ctx.Err()}
	}
	if t.refused != nil {
		return "", false, t.refused
	}
	if t.token != "" && t.token != stale && time.Now().Before(t.until) {
		return t.token, false, nil
	}
	t.token = ""
	if err := t.login(ctx); err != nil {
		return "", false, err
	}
	return t.token, true, nil
}

func (t *tokens) login(ctx context.Context) error {
	req := httpapi.Request{Method: http.MethodPost, Path: "/auth/tokens", Body: map[string]string{"email": t.email, "password": t.password}}
	root, r, err := t.api.JSON(ctx, req)
	var refused *provider.APIError
	switch {
	case errors.As(err, &refused) && (refused.Class == provider.Unauthorized || refused.Class == provider.Rejected):
		refused.Class = provider.Unauthorized // a login that is malformed is refused too
		t.refused = refused
		return refused
	case err != nil:
		return err
	}
	token := provider.Text(root.Get("token"))
	if token == "" || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return &provider.APIError{Class: provider.Unavailable, Status: r.Status, Text: "POST /auth/tokens: the answer has no token"}
	}
	life := defaultLife
	if end := expiry(token); !end.IsZero() {
		life = httpapi.Until(&r, end) // by Devengo's clock, so that ours need not agree
	}
	t.token, t.until = token, time.Now().Add(life-margin)
	return nil
}

// expiry is when a JWT says that it ends: its claim exp, a number or a string, in Unix seconds; zero where it does not say.
// The token is not verified: it is not us that it has to convince.
func expiry(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return time.Time{} // not a JWT: the default life stands in
	}
	root, err := provider.ParseBody(payload)
	if err != nil {
		return time.Time{}
	}
	exp := root.Get("exp")
	if exp.Type != gjson.Number && exp.Type != gjson.String {
		return time.Time{}
	}
	seconds, err := strconv.ParseFloat(provider.Text(exp), 64)
	if err != nil || !(seconds > 0 && seconds < 1<<40) {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}

// session sends requests with a token, or signed where there are no tokens.
type session struct {
	api    *httpapi.API
	tokens *tokens
}

// with calls do with an API that is authorized. A token that is refused before its time is renewed once.
func (s *session) with(ctx context.Context, do func(*httpapi.API) error) error {
	if s.tokens == nil {
		return do(s.api)
	}
	stale := ""
	for {
		token, fresh, err := s.tokens.get(ctx, stale)
		if err != nil {
			return err
		}
		api := *s.api
		api.Authorize = func(r *http.Request, _ []byte) error {
			r.Header.Set("Authorization", "Bearer "+token)
			return nil
		}
		err = do(&api)
		var refused *provider.APIError
		if fresh || !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized {
			return err
		}
		stale = token
	}
}
