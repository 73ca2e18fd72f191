package device

import (
	"strings"
	"sync"
	"sync/atomic"
)

const (
	// maxNames and maxNameLength bound a table of shared strings. What does not
	// fit is kept in each record that has it.
	maxNames      = 1 << 16
	maxNameLength = 64
)

// names keeps strings that many devices share once, and numbers them from 0. It
// only grows.
type names struct {
	list atomic.Pointer[[]string] // by number; elements never change
	kept atomic.Bool              // a string has got no number, and is kept in records

	mu      sync.RWMutex
	numbers map[string]uint32
}

func newNames() *names {
	n := &names{numbers: make(map[string]uint32)}
	n.list.Store(&[]string{})
	return n
}

// at returns the string of a number that number returned.
func (n *names) at(number uint32) string { return (*n.list.Load())[number] }

// number returns the number of s, and false if it has none and can get none.
func (n *names) number(s string) (uint32, bool) {
	n.mu.RLock()
	number, ok := n.numbers[s]
	n.mu.RUnlock()
	if ok {
		return number, true
	}
	return n.add(s)
}

// complete reports whether all strings that there are have numbers below known.
func (n *names) complete(known uint32) bool {
	return !n.kept.Load() && uint32(len(*n.list.Load())) == known
}

func (n *names) add(s string) (uint32, bool) {
	if len(s) > maxNameLength {
		n.kept.Store(true)
		return 0, false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if number, ok := n.numbers[s]; ok {
		return number, true
	}
	list := *n.list.Load()
	if len(list) >= maxNames {
		n.kept.Store(true)
		return 0, false
	}
	s = strings.Clone(s) // it may be a part of a whole message
	number := uint32(len(list))
	list = append(list, s)
	n.list.Store(&list)
	n.numbers[s] = number
	return number, true
}

// numberOf is number for bytes.
func (n *names) numberOf(b []byte) (uint32, bool) {
	n.mu.RLock()
	number, ok := n.numbers[string(b)]
	n.mu.RUnlock()
	if ok {
		return number, true
	}
	return n.add(string(b))
}
