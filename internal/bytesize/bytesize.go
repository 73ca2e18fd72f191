// Package bytesize is an amount of bytes as configuration files write it.
package bytesize

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes. In text it takes a unit: "512", "64KB", "8MB",
// "1GB"; units are powers of 1024, in any case, and "KiB" means the same as
// "KB".
type Size int64

// Common sizes.
const (
	KB Size = 1 << 10
	MB Size = 1 << 20
	GB Size = 1 << 30
)

// maxSize keeps sums of a few sizes within an int64.
const maxSize = 1 << 60

var errSyntax = errors.New("is not a size such as 512, 64KB, 8MB or 1.5GB")

// units in the order of matching: a suffix stands before those it ends with.
var units = []struct {
	suffix string
	size   Size
}{{"kib", KB}, {"mib", MB}, {"gib", GB}, {"kb", KB}, {"mb", MB}, {"gb", GB}, {"k", KB}, {"m", MB}, {"g", GB}, {"b", 1}}

// UnmarshalText implements encoding.TextUnmarshaler. Its error does not repeat
// the text; it continues a sentence that has named it.
func (s *Size) UnmarshalText(text []byte) error {
	number, unit := strings.ToLower(strings.TrimSpace(string(text))), Size(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(number, u.suffix); ok {
			number, unit = strings.TrimSpace(rest), u.size
			break
		}
	}
	if strings.Trim(number, "0123456789.") != "" {
		return errSyntax // ParseFloat takes more: signs, exponents, "inf", "nan"
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return errSyntax
	}
	n *= float64(unit)
	if n != math.Trunc(n) {
		return errors.New("is not a whole number of bytes")
	}
	if n > maxSize {
		return errors.New("is too large")
	}
	*s = Size(n)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String writes the size with the largest unit that keeps it whole.
func (s Size) String() string {
	for _, u := range []struct {
		name string
		size Size
	}{{"GB", GB}, {"MB", MB}, {"KB", KB}} {
		if s >= u.size && s%u.size == 0 {
			return strconv.FormatInt(int64(s/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}
