package binding

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
)

const (
	// maxUser is the length in bytes of the longest STUN user name that is known:
	// one of 256 (TR-098 STUNUsername) has no room in a record.
	maxUser = 255
	// maxTemplates is how many templates of user names there may be.
	maxTemplates = 8
)

// template is a user name with parts of the device's identity.
type template []piece

// piece is a text, or one part of the identity.
type piece struct {
	text string
	part part
}

type part uint8

const (
	plain part = iota
	partOUI
	partProductClass
	partSerial
)

var parts = map[string]part{"oui": partOUI, "product_class": partProductClass, "serial": partSerial}

// parseTemplate reads a template such as "{oui}-{serial}".
func parseTemplate(s string) (template, error) {
	var t template
	for rest := s; rest != ""; {
		text, after, found := strings.Cut(rest, "{")
		if text != "" {
			t = append(t, piece{text: text})
		}
		if !found {
			break
		}
		name, behind, found := strings.Cut(after, "}")
		p, known := parts[name]
		if !found || !known {
			return nil, fmt.Errorf("user name template %q: want {oui}, {product_class} and {serial} in braces, and no other brace", s)
		}
		t = append(t, piece{part: p})
		rest = behind
	}
	if len(t) == 0 {
		return nil, fmt.Errorf("user name template %q: is empty", s)
	}
	return t, nil
}

func (t template) append(b []byte, st *state) []byte {
	for i := range t {
		switch t[i].part {
		case plain:
			b = append(b, t[i].text...)
		case partOUI:
			b = append(b, st.oui...)
		case partProductClass:
			b = append(b, st.class...)
		case partSerial:
			b = append(b, st.serial...)
		}
	}
	return b
}

// hashUser returns the hash that stands for a user name, 0 for the empty one.
// It is of 64 bits under a secret seed, so two names never share one, as far as
// anybody can bring about.
func (t *Table) hashUser(user []byte) uint64 {
	if len(user) == 0 {
		return 0
	}
	return max(1, maphash.Bytes(t.seed, user))
}

// users appends the hashes of a device's user names, each once. The caller holds
// the lock.
func (t *Table) users(hashes []uint64, st *state) []uint64 {
	for i := range t.templates {
		t.scratch = t.templates[i].append(t.scratch[:0], st)
		if h := t.hashUser(t.scratch); !slices.Contains(hashes, h) {
			hashes = append(hashes, h)
		}
	}
	if h := t.hashUser(st.user); h != 0 && !slices.Contains(hashes, h) {
		hashes = append(hashes, h)
	}
	return hashes
}

// hasUser reports whether a user name is one of the device's.
func (t *Table) hasUser(st *state, user uint64) bool {
	if user == 0 || t.hashUser(st.user) == user {
		return user != 0
	}
	for i := range t.templates {
		t.scratch = t.templates[i].append(t.scratch[:0], st)
		if t.hashUser(t.scratch) == user {
			return true
		}
	}
	return false
}
