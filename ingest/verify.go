package ingest

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"strings"

	"github.com/hookfold/hookfold/pkg/provider"
)

// verify holds a delivery against what the connection demands and against the provider's scheme. The error is for the
// sender, and reveals nothing.
func (e *endpoint) verify(r *http.Request, d *provider.Delivery) (provider.Evidence, error) {
	if len(e.AllowFrom) > 0 && !within(d.Remote, e.AllowFrom) {
		return provider.Evidence{}, provider.Refuse("deliveries are not accepted from this address")
	}
	if e.BasicAuth != nil {
		username, password, ok := r.BasicAuth()
		// Both are compared, whatever the first says, and as hashes, so that neither order nor length shows in the time.
		same := equal(username, e.BasicAuth.Username) & equal(password, e.BasicAuth.Password)
		if !ok || same != 1 {
			return provider.Evidence{}, provider.Refuse("credentials missing or wrong")
		}
	}
	evidence, err := e.verifier.Verify(d)
	if err != nil {
		return provider.Evidence{}, err
	}
	for _, name := range evidence.Headers {
		// What is recorded must be what was verified; two headers of one name leave open which.
		if len(d.Header[e.names.of(name).key]) > 1 {
			return provider.Evidence{}, provider.Refuse("a signature header is given twice")
		}
	}
	return evidence, nil
}

func equal(a, b string) int {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:])
}

// peerOf reads a network address with a port; zero, which matches no range, where there is none.
func peerOf(address string) netip.Addr {
	peer, err := netip.ParseAddrPort(address)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap()
}

// remote is the sender's address: the peer's, or what a trusted proxy says of it. Only the entry that the outermost
// trusted proxy added can be believed, so X-Forwarded-For is read from its end.
func (h *Handler) remote(peer netip.Addr, header http.Header) netip.Addr {
	addr := peer
	if !within(addr, h.proxies) {
		return addr
	}
	forwarded := strings.Split(strings.Join(header.Values("X-Forwarded-For"), ","), ",")
	for i := len(forwarded) - 1; i >= 0; i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(forwarded[i]))
		if err != nil {
			return netip.Addr{} // a proxy that does not say leaves the sender unknown
		}
		if addr = next.Unmap(); !within(addr, h.proxies) {
			return addr
		}
	}
	return addr
}

func within(a netip.Addr, ranges []netip.Prefix) bool {
	for _, p := range ranges {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
