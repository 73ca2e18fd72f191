package cwmp

import (
	"fmt"
	"strings"
)

// DeviceID identifies a CPE as its Inform does (TR-069 A.3.3.1). Two devices
// are the same when OUI, ProductClass and SerialNumber are equal: serials are
// unique only within those two (quirk C-53). Manufacturer is informative and
// takes no part in identity; use Key as a map key.
type DeviceID struct {
	Manufacturer string
	OUI          string // normalised by NormalizeOUI
	ProductClass string
	SerialNumber string
}

// Key is the identity of a device as a comparable value.
type Key struct{ OUI, ProductClass, SerialNumber string }

// Key returns the identifying part of id.
func (id DeviceID) Key() Key {
	return Key{id.OUI, id.ProductClass, id.SerialNumber}
}

// String returns "OUI-ProductClass-Serial", or "OUI-Serial" when the product
// class is empty. Every byte of a part other than A-Z a-z 0-9 . _ ~ is written
// as %XX, so different devices never share a form, and the form is safe in
// paths, keys and logs.
func (id DeviceID) String() string {
	var b strings.Builder
	b.Grow(len(id.OUI) + len(id.ProductClass) + len(id.SerialNumber) + 2)
	writePart(&b, id.OUI)
	b.WriteByte('-')
	if id.ProductClass != "" {
		writePart(&b, id.ProductClass)
		b.WriteByte('-')
	}
	writePart(&b, id.SerialNumber)
	return b.String()
}

func writePart(b *strings.Builder, part string) {
	const digits = "0123456789ABCDEF"
	for i := 0; i < len(part); i++ {
		c := part[i]
		if plainInID(c) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
}

func plainInID(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' ||
		c == '.' || c == '_' || c == '~'
}

// ParseDeviceID is the inverse of String. It normalises the OUI and accepts
// lower-case percent-encoding; Manufacturer stays empty. The error says what
// to write instead.
func ParseDeviceID(s string) (DeviceID, error) {
	parts := strings.Split(s, "-")
	if len(parts) != 2 && len(parts) != 3 {
		return DeviceID{}, fmt.Errorf("device %q: %d parts: want OUI-ProductClass-Serial or OUI-Serial, with a dash inside a part written as %%2D", s, len(parts))
	}
	if len(parts) == 3 && parts[1] == "" {
		return DeviceID{}, fmt.Errorf("device %q: empty product class: want OUI-Serial", s)
	}
	for i, part := range parts {
		text, err := parsePart(part)
		if err != nil {
			return DeviceID{}, fmt.Errorf("device %q: %w", s, err)
		}
		parts[i] = text
	}
	id := DeviceID{OUI: NormalizeOUI(parts[0]), SerialNumber: parts[len(parts)-1]}
	if len(parts) == 3 {
		id.ProductClass = parts[1]
	}
	return id, nil
}

func parsePart(part string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(part); i++ {
		c := part[i]
		if plainInID(c) {
			b.WriteByte(c)
			continue
		}
		if c != '%' {
			return "", fmt.Errorf("character %q must be written as %%%02X", c, c)
		}
		if i+2 >= len(part) || hexValue(part[i+1]) < 0 || hexValue(part[i+2]) < 0 {
			return "", fmt.Errorf("%q: a percent sign needs two hexadecimal digits, and is itself written as %%25", part[i:min(i+3, len(part))])
		}
		b.WriteByte(byte(hexValue(part[i+1])<<4 | hexValue(part[i+2])))
		i += 2
	}
	return b.String(), nil
}

// hexValue returns the value of a hexadecimal digit, or -1.
func hexValue(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
