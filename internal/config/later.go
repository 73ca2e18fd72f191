package config

import "slices"

// later lists the keys that the design has and this version does not. They are
// reported instead of being taken for typing errors.
var later = []string{"store.nats"}

// laterKey tells whether an unknown key belongs to a later version: text says so.
func laterKey(key string) (text string, is bool) {
	return "is not part of this version: remove it", slices.Contains(later, pattern(key))
}
