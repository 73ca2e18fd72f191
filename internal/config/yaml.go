package config

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxValues bounds a tree with its aliases expanded: a few lines of aliases to
// lists of aliases would otherwise be billions of values.
const maxValues = 1_000_000

// parseYAML reads the documents of a text. It recovers from panics of the
// library: whatever the file holds, the answer is a message.
func parseYAML(text string) (docs []*ast.DocumentNode, err *syntaxError) {
	defer func() {
		if recover() != nil {
			docs, err = nil, &syntaxError{at: position{1, 1}, text: "cannot be understood as YAML"}
		}
	}()
	tokens := lexer.Tokenize(text)
	if err := checkBounds(tokens); err != nil {
		return nil, err
	}
	file, parseErr := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if parseErr != nil {
		return nil, asSyntaxError(parseErr)
	}
	return file.Docs, nil
}

func at(t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{1, 1}
	}
	return position{max(1, t.Position.Line), max(1, t.Position.Column)}
}

// builder turns the library's syntax tree into nodes: it resolves anchors,
// aliases and merge keys, and reports what YAML allows but we do not.
type builder struct {
	found   *collector
	shift   int // lines before the text
	anchors map[string]*node
	shared  int    // values that aliases added
	partial string // the whole file, when only a part of it is converted: anchors may be elsewhere
}

func (b *builder) at(t *token.Token) position {
	p := at(t)
	return position{p.line + b.shift, p.column}
}

// value converts one value, whose key is key.
func (b *builder) value(syntax ast.Node, key string) *node {
	switch n := syntax.(type) {
	case *ast.MappingNode:
		return b.section(n.Start, n.Values, key)
	case *ast.MappingValueNode:
		return b.section(n.Start, []*ast.MappingValueNode{n}, key)
	case *ast.SequenceNode:
		return b.list(n, key)
	case *ast.AnchorNode:
		return b.anchor(n, key)
	case *ast.AliasNode:
		return b.alias(n, key)
	case *ast.TagNode:
		b.found.add(b.at(n.Start), key, n.Start.Value, "is a YAML tag, which is not supported: remove it")
		return b.value(n.Value, key)
	case *ast.LiteralNode:
		return &node{kind: scalar, at: b.at(n.Start), text: n.Value.Value, quoted: true, size: 1}
	case *ast.StringNode:
		quoted := n.Token.Type == token.SingleQuoteType || n.Token.Type == token.DoubleQuoteType
		return &node{kind: scalar, at: b.at(n.Token), text: n.Value, quoted: quoted, size: 1}
	case nil, *ast.NullNode, *ast.CommentGroupNode:
		return b.null(syntax)
	default:
		return b.plain(n, key)
	}
}

func (b *builder) null(syntax ast.Node) *node {
	if n, ok := syntax.(*ast.NullNode); ok {
		return &node{kind: null, at: b.at(n.Token), size: 1}
	}
	return &node{kind: null, at: position{1 + b.shift, 1}, size: 1}
}

// plain converts numbers and the like: what they mean is up to the key.
func (b *builder) plain(n ast.Node, key string) *node {
	t := n.GetToken()
	if _, ok := n.(ast.ScalarNode); !ok {
		b.found.lose(b.at(t), key, "", "this kind of YAML value is not supported")
		return &node{kind: broken, at: b.at(t), size: 1}
	}
	return &node{kind: scalar, at: b.at(t), text: t.Value, size: 1}
}

func (b *builder) list(n *ast.SequenceNode, key string) *node {
	out := &node{kind: list, at: b.at(n.Start), size: 1}
	for i, item := range n.Values {
		value := b.value(item, element(key, i))
		out.items = append(out.items, value)
		out.size += value.size
	}
	return out
}

func (b *builder) section(start *token.Token, values []*ast.MappingValueNode, key string) *node {
	out := &node{kind: section, at: b.at(start), size: 1}
	if start != nil && start.Type == token.MappingValueType && len(values) > 0 {
		out.at = b.at(values[0].Key.GetToken()) // a block begins with its first key, not with the colon
	}
	lines := make(map[string]int, len(values))
	for _, v := range values {
		b.pair(out, v, key, lines)
	}
	out.pairs = withoutOverridden(out.pairs)
	return out
}

// pair adds one key and its value; lines holds where each key so far stands.
func (b *builder) pair(out *node, v *ast.MappingValueNode, key string, lines map[string]int) {
	if v.Key.IsMergeKey() {
		b.merge(out, v, key)
		return
	}
	name, ok := keyName(v.Key)
	at := b.at(v.Key.GetToken())
	if !ok {
		b.found.add(at, key, "", "this is no key: keys are plain words")
		return
	}
	full := join(key, name)
	value := b.value(v.Value, full)
	if line, twice := lines[name]; twice {
		b.found.repeated(at, full, line)
		return
	}
	lines[name] = at.line
	if value.kind == null {
		value = &node{kind: null, at: at, size: 1} // there is nothing to point at but the key
	}
	out.pairs = append(out.pairs, pair{key: name, at: at, value: value})
	out.size += value.size
}

func keyName(key ast.MapKeyNode) (string, bool) {
	switch k := key.(type) {
	case *ast.StringNode:
		return k.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		return k.GetToken().Value, true
	default:
		return "", false
	}
}

func (b *builder) anchor(n *ast.AnchorNode, key string) *node {
	value := b.value(n.Value, key)
	if n.Name != nil {
		b.anchors[n.Name.GetToken().Value] = value
	}
	return value
}

func (b *builder) alias(n *ast.AliasNode, key string) *node {
	at := b.at(n.Start)
	none := &node{kind: broken, at: at, size: 1}
	name := n.Value.GetToken().Value
	target, ok := b.anchors[name]
	switch {
	case !ok && strings.Contains(b.partial, "&"+name):
		b.found.here[key] = true
		b.found.miss(key)
		return none
	case !ok:
		b.found.lose(at, key, "*"+name, "is no known alias: put a value that begins with * into quotes")
		return none
	case b.shared+target.size > maxValues:
		b.found.lose(at, key, "*"+name, fmt.Sprintf("makes the file larger than %d values", maxValues))
		return none
	}
	b.shared += target.size
	return target
}

// merge adds the keys of "<<: *alias" or "<<: [*one, *two]", of which the first
// that has a key wins.
func (b *builder) merge(out *node, v *ast.MappingValueNode, key string) {
	value := b.value(v.Value, key)
	sources := []*node{value}
	if value.kind == list {
		sources = value.items
	}
	for _, source := range sources {
		if source.kind != section && source.kind != broken {
			b.found.lose(b.at(v.Key.GetToken()), key, "<<", "takes a section or a list of sections, such as <<: *name")
		}
		for _, p := range source.pairs {
			p.merged = true
			out.pairs = append(out.pairs, p)
			out.size += p.value.size
		}
	}
}

// withoutOverridden keeps one pair for each key: the one beside the merge key,
// else the first that was merged.
func withoutOverridden(pairs []pair) []pair {
	first := make(map[string]int, len(pairs))
	for i, p := range pairs {
		if old, ok := first[p.key]; !ok || pairs[old].merged && !p.merged {
			first[p.key] = i
		}
	}
	out := pairs[:0]
	for i, p := range pairs {
		if first[p.key] == i {
			out = append(out, p)
		}
	}
	return out
}
