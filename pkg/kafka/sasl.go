package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Plain authenticates with SASL PLAIN. Use it with TLS only: the password travels as it is.
func Plain(user, password string) sasl.Mechanism {
	return plain.Auth{User: user, Pass: password}.AsMechanism()
}

// ScramSHA256 authenticates with SASL SCRAM-SHA-256.
func ScramSHA256(user, password string) sasl.Mechanism {
	return scram.Auth{User: user, Pass: password}.AsSha256Mechanism()
}

// ScramSHA512 authenticates with SASL SCRAM-SHA-512.
func ScramSHA512(user, password string) sasl.Mechanism {
	return scram.Auth{User: user, Pass: password}.AsSha512Mechanism()
}

// OAuthBearer authenticates with SASL OAUTHBEARER. token is called for each connection and when a token expires.
func OAuthBearer(token func(context.Context) (string, error)) sasl.Mechanism {
	return oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
		t, err := token(ctx)
		return oauth.Auth{Token: t}, err
	})
}
