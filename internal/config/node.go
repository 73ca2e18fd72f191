package config

import "strconv"

// position is a place in the file, counted from 1; columns are characters.
type position struct{ line, column int }

type kind uint8

const (
	null   kind = iota // nothing, or "null", or "~"
	broken             // a problem was reported: nothing is to be said of it any more
	scalar
	list
	section // a YAML mapping
)

// node is one value of the file: YAML without its styles, anchors and aliases.
// Aliases share nodes, so a tree may be far larger than the memory it takes;
// size says how large.
type node struct {
	kind   kind
	at     position
	text   string // of a scalar, as written: 0012 stays 0012
	quoted bool   // a scalar in quotes, or a block of text: it can only be text
	items  []*node
	pairs  []pair
	size   int // values in the tree, shared ones as often as they occur
}

type pair struct {
	key    string
	at     position // of the key
	value  *node
	merged bool // by "<<"; keys beside it win
}

// get returns the value of a key of a section, nil when it is absent.
func (n *node) get(key string) *node {
	if n == nil || n.kind != section {
		return nil
	}
	for i := range n.pairs {
		if n.pairs[i].key == key {
			return n.pairs[i].value
		}
	}
	return nil
}

// describe names the kind of a value for a message.
func (n *node) describe() string {
	switch n.kind {
	case list:
		return "a list"
	case section:
		return "a section"
	case null:
		return "empty"
	default:
		return strconv.Quote(clip(n.text))
	}
}

// locate finds the value of a key such as "acs[0].probe.interval". Where the
// file does not have it, it returns the position of the innermost part that the
// file has, and no value.
func (n *node) locate(key string) (position, *node) {
	at := n.at
	for key != "" {
		var next *node
		var where position
		next, where, key = n.step(key)
		if next == nil {
			return at, nil
		}
		n, at = next, where
	}
	return at, n
}

// step takes the first element off key. The position is that of the value, or
// of its key when the value begins on a later line or is absent.
func (n *node) step(key string) (value *node, at position, rest string) {
	if i, rest, ok := cutIndex(key); ok {
		if n.kind != list || i >= len(n.items) {
			return nil, position{}, ""
		}
		return n.items[i], n.items[i].at, rest
	}
	name, rest := cutName(key)
	if n.kind != section {
		return nil, position{}, ""
	}
	for _, p := range n.pairs {
		if p.key != name {
			continue
		}
		if p.value.kind == null || p.value.at.line != p.at.line {
			return p.value, p.at, rest
		}
		return p.value, p.value.at, rest
	}
	return nil, position{}, ""
}
