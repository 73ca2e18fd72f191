package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
)

// maxFile bounds the file; a configuration with ten thousand routes has 2 MB.
const maxFile = 4 << 20

// readTree turns the text of a file into a tree and reports what is no YAML, or
// is YAML that we do not take. The root is a section, possibly an empty one.
func readTree(data []byte, found *collector) *node {
	root := &node{kind: section, at: position{1, 1}, size: 1}
	if !checkText(data, found) {
		return root
	}
	text := string(bytes.TrimPrefix(data, []byte("\ufeff")))
	docs, err := parseYAML(text)
	if err != nil && err.bounds {
		found.add(err.at, "", "", err.text)
		return root
	}
	if err != nil {
		return readSections(text, err, root, found)
	}
	b := &builder{found: found, anchors: map[string]*node{}}
	read := b.documents(docs)
	if read == nil {
		found.add(root.at, "", "", "the file is empty: it needs at least the sections listen and acs")
		return root
	}
	if read.kind != section {
		found.add(read.at, "", "", "the file is "+read.describe()+", it must be a section: lines of \"key: value\"")
		return root
	}
	return read
}

// checkText refuses files that are no text.
func checkText(data []byte, found *collector) bool {
	whole := position{1, 1}
	switch {
	case len(data) > maxFile:
		found.add(whole, "", "", fmt.Sprintf("the file is larger than %d MB", maxFile>>20))
		return false
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		found.add(whole, "", "", "the file is UTF-16, save it as UTF-8")
		return false
	}
	line, column := 1, 1
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			found.add(position{line, column}, "", "", fmt.Sprintf("byte 0x%02x is not UTF-8", data[i]))
			return false
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0x7f:
			found.add(position{line, column}, "", "", fmt.Sprintf("control character 0x%02x is not allowed", r))
			return false
		}
		i += n
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
	}
	return true
}

// documents converts the one document of a file, nil when there is none.
func (b *builder) documents(docs []*ast.DocumentNode) *node {
	var root *node
	for _, doc := range docs {
		switch {
		case doc.Body == nil:
		case root != nil:
			b.found.add(b.at(doc.Start), "", "", "a second document begins here: one file is one configuration")
			return root
		default:
			if _, ok := doc.Body.(*ast.DirectiveNode); !ok {
				root = b.value(doc.Body, "")
			}
		}
	}
	return root
}

// readSections reads each top-level section on its own after the file as a
// whole turned out to be no YAML, so that one error of form does not hide the
// problems of all other sections.
func readSections(text string, whole *syntaxError, root *node, found *collector) *node {
	b := &builder{found: found, anchors: map[string]*node{}, partial: text}
	failed := false
	for _, part := range splitSections(text) {
		docs, err := parseYAML(part.text)
		b.shift = part.line - 1
		if err != nil {
			failed = true
			found.lose(position{err.at.line + b.shift, err.at.column}, part.key, "", err.text)
			continue
		}
		if read := b.documents(docs); read != nil && read.kind == section {
			b.append(root, read.pairs)
		}
	}
	if !failed { // the error is in how the sections stand together
		found.add(whole.at, "", "", whole.text)
	}
	return root
}

// append adds the keys of one part of a file to the root.
func (b *builder) append(root *node, pairs []pair) {
	for _, p := range pairs {
		if i := slices.IndexFunc(root.pairs, func(old pair) bool { return old.key == p.key }); i >= 0 {
			b.found.repeated(p.at, join("", p.key), root.pairs[i].at.line)
			continue
		}
		root.pairs = append(root.pairs, p)
	}
}

type part struct {
	key  string
	line int // of the first line, from 1
	text string
}

// splitSections cuts a text before each line that begins with a key.
func splitSections(text string) []part {
	parts := []part{{line: 1}}
	line, start := 0, 0
	for offset := 0; offset < len(text); {
		line++
		end := len(text)
		if n := strings.IndexByte(text[offset:], '\n'); n >= 0 {
			end = offset + n + 1
		}
		key, _, ok := strings.Cut(text[offset:end], ":")
		if ok && plain(key) && len(parts) <= maxKeys {
			parts[len(parts)-1].text = text[start:offset]
			parts = append(parts, part{key: key, line: line})
			start = offset
		}
		offset = end
	}
	parts[len(parts)-1].text = text[start:]
	return parts
}
