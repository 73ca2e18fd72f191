package cwmp

import "strings"

// ouiLength is the number of hexadecimal digits of an OUI (TR-069 A.3.3.1).
const ouiLength = 6

// NormalizeOUI brings the spellings of an OUI that CPEs send to one form: six
// upper-case hexadecimal digits without separators, leading zeros restored.
// What is not hexadecimal is only trimmed and upper-cased, so that it stays
// distinct (quirk C-53). It is idempotent.
func NormalizeOUI(s string) string {
	if isOUI(s) {
		return s
	}
	s = strings.Trim(s, blanks)
	digits := strings.Map(ouiDigit, s)
	if digits == "" || strings.Contains(digits, "?") {
		return upperASCII(s)
	}
	if missing := ouiLength - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	return digits
}

// isOUI reports whether s is in the normal form already, the common case.
func isOUI(s string) bool {
	if len(s) != ouiLength {
		return false
	}
	for i := 0; i < len(s); i++ {
		if hexValue(s[i]) < 0 || 'a' <= s[i] && s[i] <= 'f' {
			return false
		}
	}
	return true
}

// ouiDigit drops separators, upper-cases digits, and marks all else by '?'.
func ouiDigit(r rune) rune {
	switch {
	case r == '-' || r == ':' || r == '.' || r == ' ' || r == '\t':
		return -1
	case '0' <= r && r <= '9' || 'A' <= r && r <= 'F':
		return r
	case 'a' <= r && r <= 'f':
		return r - 'a' + 'A'
	}
	return '?'
}

// upperASCII leaves every byte outside a-z alone, also invalid UTF-8, which
// strings.ToUpper would replace.
func upperASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}
