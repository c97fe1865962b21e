package ingest

import (
	"net/textproto"
	"strings"
	"sync"

	"github.com/hookfold/hookfold/pkg/event"
)

// names knows the other forms of the names of headers that a verifier relies on, of which there are a few.
type names struct{ known sync.Map }

type headerName struct {
	key      string // as net/http stores it
	recorded string // as the record's header
}

func (n *names) of(name string) *headerName {
	if found, ok := n.known.Load(name); ok {
		return found.(*headerName) //nolint:forcetypeassert // it holds nothing else
	}
	made := &headerName{textproto.CanonicalMIMEHeaderKey(name), event.HeaderHTTP + strings.ToLower(name)}
	n.known.Store(name, made)
	return made
}
