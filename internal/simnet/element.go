package simnet

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// element is an XML element as a CPE's parser sees it: names as they are
// spelled, prefix and all.
type element struct {
	name  xml.Name // Space is the prefix
	attrs []xml.Attr
	text  string
	nodes []*element
}

// maxElements bounds an envelope of an ACS.
const maxElements = 200_000

// parseXML reads one document into elements without resolving namespaces.
func parseXML(doc []byte) (*element, error) {
	d := xml.NewDecoder(bytes.NewReader(doc))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	root := &element{}
	stack := []*element{root}
	for count := 0; count < maxElements; {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return rootElement(root, stack)
		}
		if err != nil {
			return nil, err
		}
		top := stack[len(stack)-1]
		switch token := token.(type) {
		case xml.StartElement:
			count++
			child := &element{name: token.Name, attrs: append([]xml.Attr(nil), token.Attr...)}
			top.nodes = append(top.nodes, child)
			stack = append(stack, child)
		case xml.EndElement:
			if top.name != token.Name {
				return nil, fmt.Errorf("element %q is closed by %q", qualified(top.name), qualified(token.Name))
			}
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.text += string(token)
		}
	}
	return nil, errors.New("envelope has too many elements")
}

func rootElement(root *element, stack []*element) (*element, error) {
	if len(stack) != 1 || len(root.nodes) != 1 {
		return nil, errors.New("envelope is cut short or not a single document")
	}
	return root.nodes[0], nil
}

func qualified(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

// child returns the first child of that local name, or nil.
func (e *element) child(local string) *element {
	if e == nil {
		return nil
	}
	for _, n := range e.nodes {
		if n.name.Local == local {
			return n
		}
	}
	return nil
}

// value is the trimmed text of the first child of that local name.
func (e *element) value(local string) string { return e.child(local).trimmed() }

func (e *element) trimmed() string {
	if e == nil {
		return ""
	}
	return strings.TrimSpace(e.text)
}

func (e *element) attr(local string) (string, bool) {
	for _, a := range e.attrs {
		if a.Name.Local == local {
			return a.Value, true
		}
	}
	return "", false
}
