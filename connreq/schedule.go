package connreq

import (
	"container/heap"
	"time"
)

// schedule is a heap of requests by when something is due for them. One timer
// serves all. The caller holds Service.mu.
type schedule []*request

// Len is for package heap, as are the next four.
func (s schedule) Len() int { return len(s) }

// Less is for package heap.
func (s schedule) Less(i, j int) bool { return s[i].due.Before(s[j].due) }

// Swap is for package heap.
func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].place, s[j].place = i, j
}

// Push is for package heap.
func (s *schedule) Push(x any) {
	r := x.(*request)
	r.place = len(*s)
	*s = append(*s, r)
}

// Pop is for package heap.
func (s *schedule) Pop() any {
	last := len(*s) - 1
	r := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	r.place = -1
	return r
}

// set makes r due at a time, and tells whether it is now the first of all.
func (s *schedule) set(r *request, due time.Time) (first bool) {
	r.due = due
	if r.place >= 0 {
		heap.Fix(s, r.place)
	} else {
		heap.Push(s, r)
	}
	return r.place == 0
}

func (s *schedule) remove(r *request) {
	if r.place >= 0 {
		heap.Remove(s, r.place)
	}
}

// next returns a request that is due, or nil and how long there is nothing to do.
func (s *schedule) next(now time.Time) (r *request, idle time.Duration) {
	if len(*s) == 0 {
		return nil, time.Hour
	}
	if wait := (*s)[0].due.Sub(now); wait > 0 {
		return nil, wait
	}
	return heap.Pop(s).(*request), 0
}
