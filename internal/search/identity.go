package search

// AppendIdentity appends the string form of a device's identity, as
// cwmp.DeviceID.String writes it, from parts that are bytes or strings.
func AppendIdentity[O, C string | []byte](b []byte, oui O, class C, serial []byte) []byte {
	b = append(appendPart(b, oui), '-')
	if len(class) > 0 {
		b = append(appendPart(b, class), '-')
	}
	return appendPart(b, serial)
}

func appendPart[T string | []byte](b []byte, part T) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(part) {
		switch c := part[i]; {
		case plain[c]:
			b = append(b, c)
		default:
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return b
}

// plain is the characters that are not escaped.
var plain = func() (plain [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~" {
		plain[c] = true
	}
	return plain
}()

// Identities is a list of identities without an allocation for each. Its memory is
// used again after Reset.
type Identities struct {
	bytes []byte
	ends  []uint32 // of each part
}

// Reset empties the list.
func (l *Identities) Reset() { l.bytes, l.ends = l.bytes[:0], l.ends[:0] }

// AddIdentity copies an identity, of which parts are bytes or strings, to the end
// of a list.
func AddIdentity[O, C string | []byte](l *Identities, oui O, class C, serial []byte) {
	l.bytes = append(l.bytes, oui...)
	l.ends = append(l.ends, uint32(len(l.bytes)))
	l.bytes = append(l.bytes, class...)
	l.ends = append(l.ends, uint32(len(l.bytes)))
	l.bytes = append(l.bytes, serial...)
	l.ends = append(l.ends, uint32(len(l.bytes)))
}

// Each calls fn for all identities of the list. Their parts are cut from one
// string, which is the only thing that is allocated.
func (l *Identities) Each(fn func(i int, oui, class, serial string)) {
	all, start := string(l.bytes), uint32(0)
	for i := 0; 3*i < len(l.ends); i++ {
		oui, class, serial := l.ends[3*i], l.ends[3*i+1], l.ends[3*i+2]
		fn(i, all[start:oui], all[oui:class], all[class:serial])
		start = serial
	}
}
