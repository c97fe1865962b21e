package kafka

// links are an entry's neighbours in one list.
type links struct{ prev, next *entry }

// list is a doubly linked list through the entries themselves, so that membership costs no allocation.
type list struct {
	head, tail *entry
	n          int
	of         func(*entry) *links
}

func orderOf(e *entry) *links { return &e.order }
func liveOf(e *entry) *links  { return &e.live }

func (l *list) push(e *entry) {
	ln := l.of(e)
	ln.prev, ln.next = l.tail, nil
	if l.tail == nil {
		l.head = e
	} else {
		l.of(l.tail).next = e
	}
	l.tail = e
	l.n++
}

func (l *list) remove(e *entry) {
	ln := l.of(e)
	if ln.prev == nil {
		l.head = ln.next
	} else {
		l.of(ln.prev).next = ln.next
	}
	if ln.next == nil {
		l.tail = ln.prev
	} else {
		l.of(ln.next).prev = ln.prev
	}
	ln.prev, ln.next = nil, nil
	l.n--
}
