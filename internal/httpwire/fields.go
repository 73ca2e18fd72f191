package httpwire

import "strings"

// Field is one header field with its name as it was spelled.
type Field struct{ Name, Value string }

// Fields are the header fields of a message in their order.
type Fields []Field

// Get returns the value of the first field of that name, without regard to
// case, or "".
func (f Fields) Get(name string) string {
	for i := range f {
		if len(f[i].Name) == len(name) && strings.EqualFold(f[i].Name, name) {
			return f[i].Value
		}
	}
	return ""
}

// Has reports whether a field of that name is present, be it empty.
func (f Fields) Has(name string) bool {
	for i := range f {
		if len(f[i].Name) == len(name) && strings.EqualFold(f[i].Name, name) {
			return true
		}
	}
	return false
}

// Token reports whether the comma-separated values of the named fields contain
// token, without regard to case.
func (f Fields) Token(name, token string) bool {
	for i := range f {
		if len(f[i].Name) == len(name) && strings.EqualFold(f[i].Name, name) && hasToken(f[i].Value, token) {
			return true
		}
	}
	return false
}

func hasToken(list, token string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.Trim(item, " \t"), token) {
			return true
		}
	}
	return false
}
