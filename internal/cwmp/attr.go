package cwmp

import "bytes"

// attrReader iterates over the attributes of a tag: the bytes between its name
// and its end. It forgives missing values and missing quotes.
type attrReader struct {
	src []byte
	pos int
}

// next returns the qualified name and the raw value of the next attribute, and
// false after the last.
func (r *attrReader) next() (name, value []byte, ok bool) {
	for r.pos < len(r.src) && !isNameByte(r.src[r.pos]) {
		r.pos++
	}
	start := r.pos
	for r.pos < len(r.src) && isNameByte(r.src[r.pos]) {
		r.pos++
	}
	if start == r.pos {
		return nil, nil, false
	}
	name = r.src[start:r.pos]
	r.skipSpace()
	if r.pos < len(r.src) && r.src[r.pos] == '=' {
		r.pos++
		r.skipSpace()
		value = r.value()
	}
	return name, value, true
}

func (r *attrReader) value() []byte {
	if r.pos == len(r.src) {
		return nil
	}
	start := r.pos
	if quote := r.src[start]; quote == '"' || quote == '\'' {
		n := bytes.IndexByte(r.src[start+1:], quote)
		if n < 0 {
			n = len(r.src) - start - 1
		}
		r.pos = min(start+n+2, len(r.src))
		return r.src[start+1 : start+1+n]
	}
	for r.pos < len(r.src) && !isSpace(r.src[r.pos]) {
		r.pos++
	}
	return r.src[start:r.pos]
}

func (r *attrReader) skipSpace() {
	for r.pos < len(r.src) && isSpace(r.src[r.pos]) {
		r.pos++
	}
}

// attrByLocal returns the raw value of the first attribute with the local
// name, whatever its prefix.
func attrByLocal(attrs []byte, local string) []byte {
	r := attrReader{src: attrs}
	for {
		name, value, ok := r.next()
		if !ok {
			return nil
		}
		if _, l := splitName(name); string(l) == local {
			return value
		}
	}
}

// namespaceOf returns the raw namespace that attrs declare for prefix, where
// an empty prefix asks for the default namespace.
func namespaceOf(attrs, prefix []byte) (uri []byte, ok bool) {
	r := attrReader{src: attrs}
	for {
		name, value, more := r.next()
		if !more {
			return nil, false
		}
		if len(prefix) == 0 && string(name) == "xmlns" {
			return value, true
		}
		p, local := splitName(name)
		if len(prefix) > 0 && string(p) == "xmlns" && bytes.Equal(local, prefix) {
			return value, true
		}
	}
}

// splitName parts a qualified name at its last colon. A name that begins or
// ends with that has no prefix.
func splitName(name []byte) (prefix, local []byte) {
	i := bytes.LastIndexByte(name, ':')
	if i <= 0 || i == len(name)-1 {
		return nil, name
	}
	return name[:i], name[i+1:]
}

// hasLocal reports whether splitName finds local in name. Its time does not
// depend on the length of name.
func hasLocal(name []byte, local string) bool {
	colon := len(name) - len(local) - 1
	return bytes.HasSuffix(name, []byte(local)) && (colon < 0 || colon > 0 && name[colon] == ':')
}
