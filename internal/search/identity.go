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
