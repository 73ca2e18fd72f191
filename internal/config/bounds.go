package config

import (
	"strconv"

	"github.com/goccy/go-yaml/token"
)

// Bounds of what the YAML parser is given: it recurses once for each level of
// nesting and takes quadratic time for keys of one section. No key of ours is
// nested deeper than six levels, no section has more than thirty keys.
const (
	maxDepth = 40
	maxKeys  = 500
)

// nesting follows the nesting of a text through its tokens.
type nesting struct {
	flow    []int   // keys of each open [ or {
	blocks  []block // open blocks, outermost first
	markers int     // anchors and tags in a row
}

type block struct{ column, keys int }

// checkBounds refuses texts that would cost the parser too much.
func checkBounds(tokens token.Tokens) *syntaxError {
	var n nesting
	documents := 0
	for _, t := range tokens {
		if t.Position == nil || t.Type == token.CommentType {
			continue
		}
		if t.Type == token.DocumentHeaderType {
			documents++
		}
		depth, keys := n.next(t)
		text := ""
		switch {
		case documents > 2:
			text = "there are too many documents: one file is one configuration"
		case depth > maxDepth:
			text = "the file is nested deeper than " + strconv.Itoa(maxDepth) + " levels here"
		case keys > maxKeys:
			text = "there are more than " + strconv.Itoa(maxKeys) + " keys in a section"
		}
		if text != "" {
			return &syntaxError{at: at(t), text: text, bounds: true}
		}
	}
	return nil
}

// next takes a token into account and returns the depth there and the number
// of keys so far of the innermost section.
func (n *nesting) next(t *token.Token) (depth, keys int) {
	switch t.Type {
	case token.AnchorType, token.TagType:
		n.markers++
	case token.SequenceStartType, token.MappingStartType:
		n.flow = append(n.flow, 0)
	case token.SequenceEndType, token.MappingEndType:
		n.flow = n.flow[:max(0, len(n.flow)-1)]
	case token.SequenceEntryType, token.MappingKeyType:
		n.open(t.Position.Column)
	case token.MappingValueType:
		keys = n.key(t)
	default:
		if t.Prev == nil || t.Prev.Type != token.AnchorType { // not the name of an anchor
			n.markers = 0
		}
	}
	return len(n.flow) + len(n.blocks) + n.markers, keys
}

// key counts a key, of which t is the colon.
func (n *nesting) key(t *token.Token) int {
	if k := len(n.flow); k > 0 {
		n.flow[k-1]++
		return n.flow[k-1]
	}
	column := t.Position.Column
	if t.Prev != nil && t.Prev.Position != nil {
		column = t.Prev.Position.Column
	}
	b := n.open(column)
	b.keys++
	return b.keys
}

// open closes the blocks that are indented further than column and returns the
// one that is there.
func (n *nesting) open(column int) *block {
	for k := len(n.blocks); k > 0 && n.blocks[k-1].column > column; k = len(n.blocks) {
		n.blocks = n.blocks[:k-1]
	}
	if k := len(n.blocks); k == 0 || n.blocks[k-1].column < column {
		n.blocks = append(n.blocks, block{column: column})
	}
	return &n.blocks[len(n.blocks)-1]
}
