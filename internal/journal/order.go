package journal

// Orders of devices: one of those that have more than a fair share, one of the rest.
const (
	poor = iota
	rich
)

// order is a list of queues, the one that was written to last in front.
type order struct{ first, last uint32 }

// enter puts a queue in front of the order that it belongs to by its size.
func (t *timeline) enter(n uint32) {
	q := &t.queues[n]
	q.order = poor
	if q.size > fairShare {
		q.order = rich
	}
	o := &t.orders[q.order]
	q.prev, q.next = none, o.first
	if o.first != none {
		t.queues[o.first].prev = n
	} else {
		o.last = n
	}
	o.first = n
}

// leave takes a queue out of its order.
func (t *timeline) leave(n uint32) {
	q := &t.queues[n]
	o := &t.orders[q.order]
	if q.prev != none {
		t.queues[q.prev].next = q.next
	} else {
		o.first = q.next
	}
	if q.next != none {
		t.queues[q.next].prev = q.prev
	} else {
		o.last = q.prev
	}
}

// place puts a queue in front of the other order if it belongs there.
func (t *timeline) place(n uint32) {
	if q := &t.queues[n]; (q.size > fairShare) != (q.order == rich) {
		t.leave(n)
		t.enter(n)
	}
}
