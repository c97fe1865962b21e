package simulator

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// kind is a provider's kind of entity as the documents describe it.
type kind struct {
	name   string
	family string // account, payment, verification, mandate, dispute, link
	states []state
}

// state is a status. The first of a kind is where its histories begin.
type state struct {
	word  string // the provider's
	means string // the common status
	next  string // the words that may follow, each with its weight behind *, 1 if none; a dot is staying here
}

// means is the common status of a provider's word.
func (k *kind) means(word string) string {
	for _, s := range k.states {
		if s.word == word {
			return s.means
		}
	}
	panic(fmt.Sprintf("simulator: %s has no status %q", k.name, word))
}

// edges are the words that may follow, with their weights; the dot among them.
func (k *kind) edges(word string) (words []string, weights []int) {
	for _, s := range k.states {
		if s.word != word {
			continue
		}
		for _, f := range strings.Fields(s.next) {
			w, weight, ok := strings.Cut(f, "*")
			n := 1
			if ok {
				var err error
				if n, err = strconv.Atoi(weight); err != nil {
					panic(fmt.Sprintf("simulator: %s: bad weight in %q", k.name, s.next))
				}
			}
			words, weights = append(words, w), append(weights, n)
		}
	}
	return words, weights
}

// reaches says whether one status can follow another, in a step or more.
func (k *kind) reaches(from, to string) bool {
	seen := map[string]bool{}
	var visit func(string) bool
	visit = func(at string) bool {
		words, _ := k.edges(at)
		for _, w := range words {
			if w == to {
				return true
			}
			if w != "." && !seen[w] {
				seen[w] = true
				if visit(w) {
					return true
				}
			}
		}
		return false
	}
	return visit(from)
}

// circle says whether two statuses can each follow the other, so that only time tells which one is current.
func (k *kind) circle(a, b string) bool { return a != b && k.reaches(a, b) && k.reaches(b, a) }

// maxSteps bounds a history that goes round in circles.
const maxSteps = 12

// walk draws a history: the statuses that an entity goes through, first to last.
func (k *kind) walk(r *rand.Rand) []string {
	at := k.states[0].word
	history := []string{at}
	for len(history) < maxSteps {
		words, weights := k.edges(at)
		total := 0
		for _, w := range weights {
			total += w
		}
		if total == 0 {
			break
		}
		n := r.IntN(total)
		for i, w := range weights {
			if n -= w; n < 0 {
				at = words[i]
				break
			}
		}
		if at == "." {
			break
		}
		history = append(history, at)
	}
	return history
}
