package simulator

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
)

// hooks are the webhooks that are registered at a provider.
type hooks struct {
	mu   sync.Mutex
	r    *rand.Rand
	list []*hook
}

// hook is a webhook as the provider's management API shows it; secret is shown once, when it is made.
type hook struct {
	id     string
	shown  object
	secret string
}

func newHooks(r *rand.Rand) *hooks { return &hooks{r: r} }

// add registers a webhook; make fills it in.
func (h *hooks) add(fill func(r *rand.Rand) *hook) *hook {
	h.mu.Lock()
	defer h.mu.Unlock()
	made := fill(h.r)
	h.list = append(h.list, made)
	return made
}

func (h *hooks) all() []object {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := []object{}
	for _, hook := range h.list {
		out = append(out, hook.shown)
	}
	return out
}

func (h *hooks) get(id string) (object, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, hook := range h.list {
		if hook.id == id {
			return hook.shown, true
		}
	}
	return nil, false
}

// change sets members of a webhook.
func (h *hooks) change(id string, members object) (object, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, hook := range h.list {
		if hook.id == id {
			hook.shown = hook.shown.with(members)
			return hook.shown, true
		}
	}
	return nil, false
}

func (h *hooks) remove(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := len(h.list)
	h.list = slices.DeleteFunc(h.list, func(hook *hook) bool { return hook.id == id })
	return len(h.list) < before
}

// manage adds the routes that all management APIs have in common. Shape makes a webhook into an answer, accept the members of a
// request into those of a webhook; create is the provider's own.
func (s *surface) manage(at string, shape func(object) any, list func(w http.ResponseWriter, r *http.Request),
	accept func(in object) (object, bool), gone int, create http.HandlerFunc) {
	s.mux.HandleFunc("POST "+at, create)
	s.mux.HandleFunc("GET "+at, list)
	s.mux.HandleFunc("GET "+at+"/{id}", func(w http.ResponseWriter, r *http.Request) {
		if o, ok := s.hooks.get(r.PathValue("id")); ok {
			s.answer(w, http.StatusOK, shape(o))
			return
		}
		s.fault(w, http.StatusNotFound, "missing_resource")
	})
	if accept != nil {
		s.mux.HandleFunc("PATCH "+at+"/{id}", func(w http.ResponseWriter, r *http.Request) {
			in := object{}
			if err := readJSON(r, &in); err != nil {
				s.fault(w, http.StatusBadRequest, "invalid_request")
				return
			}
			members, ok := accept(in)
			if !ok {
				s.fault(w, http.StatusUnprocessableEntity, "invalid_request")
				return
			}
			if o, ok := s.hooks.change(r.PathValue("id"), members); ok {
				s.answer(w, http.StatusOK, shape(o))
				return
			}
			s.fault(w, http.StatusNotFound, "missing_resource")
		})
	}
	s.mux.HandleFunc("DELETE "+at+"/{id}", func(w http.ResponseWriter, r *http.Request) {
		if !s.hooks.remove(r.PathValue("id")) {
			s.fault(w, http.StatusNotFound, "missing_resource")
			return
		}
		w.WriteHeader(gone)
	})
}

// only keeps the members that a webhook has.
func only(in object, names ...string) object {
	out := object{}
	for _, name := range names {
		if v, ok := in[name]; ok {
			out[name] = v
		}
	}
	return out
}
