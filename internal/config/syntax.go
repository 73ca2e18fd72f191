package config

import (
	"errors"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/token"
)

// syntaxError is a place where the text stops being YAML.
type syntaxError struct {
	at     position
	text   string
	bounds bool // the text may be YAML, but more than the parser is given
}

func asSyntaxError(err error) *syntaxError {
	var syntax *yaml.SyntaxError
	if !errors.As(err, &syntax) || syntax.GetToken() == nil {
		return &syntaxError{at: position{1, 1}, text: "cannot be understood as YAML"}
	}
	text := syntaxRemedy(syntax.GetMessage())
	if t := syntax.GetToken().Type; t == token.AliasType || t == token.AnchorType {
		text = "a value that begins with " + syntax.GetToken().Value + " must be in quotes"
	}
	return &syntaxError{at: at(syntax.GetToken()), text: text}
}

// syntaxRemedy adds to a message of the library what is mostly the cause.
func syntaxRemedy(message string) string {
	message = strings.Join(strings.Fields(message), " ")
	for _, known := range []struct{ part, text string }{
		{"cannot start any token", "a tab, YAML is indented with blanks"},
		{"mapping value is not allowed", `":" is not allowed here: check the indentation, and put values that hold ": " into quotes`},
		{"invalid key for this map", `this is no key: check the indentation, and put values with [ ] { } , or # into quotes`},
		{"unexpected key name", `this is no key: write "key: value" with a blank after the colon`},
		{"value is not allowed in this context", "this does not belong here: check the indentation"},
		{"sequence end token", `"[" without its "]"`},
		{"',' or ']' must be specified", `"[" of a line above is not closed: "," or "]" expected`},
		{"flow mapping end token", `"{" without its "}"`},
		{"',' or '}' must be specified", `"{" of a line above is not closed: "," or "}" expected`},
		{"end character of double-quoted", `quotation mark " without its end`},
		{"end character of single-quoted", `quotation mark ' without its end`},
		{"is a reserved character", message + ": put the value into quotes"},
		{"unexpected directive", "a value that begins with % must be in quotes"},
		{"undefined alias name", "a value that begins with * must be in quotes"},
		{"undefined anchor name", "a value that begins with & must be in quotes"},
		{"unexpected scalar value type", "this value is not understood: put it into quotes"},
		{"block sequence entries are not allowed", `a list cannot begin on the line of its key: write "- " on a line of its own`},
	} {
		if strings.Contains(message, known.part) {
			return known.text
		}
	}
	return message
}
