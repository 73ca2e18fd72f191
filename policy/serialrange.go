package policy

import "strings"

// serialRange is a range of serial numbers such as "SN2000-SN2999": a prefix,
// then a number of fixed length. The ends may have any number of digits.
type serialRange struct {
	prefix   string
	from, to string // the digits of the first and the last, equally many
}

// isRange tells whether an entry of `serial` is meant as a range rather than as
// a glob. A serial number with a dash in it is matched with a glob: "SN?1234".
func isRange(entry string) bool {
	return strings.Contains(entry, "-") && !isGlob(entry)
}

// parseRange reads a range. The problem is "" when it is one, else it says what
// is wrong and what to write instead.
func parseRange(entry string) (r serialRange, problem string) {
	first, last, ok := halves(entry)
	if !ok {
		return r, rangeProblem(entry)
	}
	digits := trailingDigits(first)
	if digits == 0 || trailingDigits(last) != digits || first[:len(first)-digits] != last[:len(last)-digits] {
		return r, rangeProblem(entry)
	}
	if first > last { // as numbers too: the lengths are equal
		return r, `is a range that ends before it begins, write "` + last + "-" + first + `"`
	}
	cut := len(first) - digits
	return serialRange{prefix: first[:cut], from: first[cut:], to: last[cut:]}, ""
}

// halves splits an entry at the dash in its middle: as both ends of a range are
// equally long, a prefix may hold dashes of its own.
func halves(entry string) (first, last string, ok bool) {
	middle := len(entry) / 2
	if len(entry)%2 == 0 || entry[middle] != '-' {
		return "", "", false
	}
	return entry[:middle], entry[middle+1:], true
}

// rangeProblem says why an entry with a dash is no range.
func rangeProblem(entry string) string {
	remedy := `; for a serial number with a dash in it write "` + strings.ReplaceAll(entry, "-", "?") + `"`
	first, last, _ := strings.Cut(entry, "-")
	a, b := trailingDigits(first), trailingDigits(last)
	switch {
	case strings.Count(entry, "-") > 1 || a == 0 || b == 0:
		return "is not a range such as SN2000-SN2999" + remedy
	case first[:len(first)-a] != last[:len(last)-b]:
		return "is a range whose ends differ in what precedes their digits" + remedy
	default:
		return "is a range whose ends differ in their number of digits, write leading zeros or one range for each length" + remedy
	}
}

// contains tells whether a serial number lies in the range: the same prefix,
// the same number of digits, the number between the ends.
func (r serialRange) contains(serial string) bool {
	if len(serial) != len(r.prefix)+len(r.from) || !strings.HasPrefix(serial, r.prefix) {
		return false
	}
	digits := serial[len(r.prefix):]
	// Digits of equal number compare as the numbers do.
	return trailingDigits(digits) == len(digits) && r.from <= digits && digits <= r.to
}

// trailingDigits counts the digits at the end of s.
func trailingDigits(s string) int {
	n := 0
	for n < len(s) && s[len(s)-1-n] >= '0' && s[len(s)-1-n] <= '9' {
		n++
	}
	return n
}
