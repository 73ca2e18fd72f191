package config

import (
	"slices"
	"strings"
)

// later lists what the design has and this version does not. A key of it is
// reported instead of being taken for a typing error, and so is a value that
// would be ignored.
var later = []struct {
	key    string   // a pattern
	values []string // only these values of the key; nil means the key itself
	write  string   // what to write instead of the value
}{
	{key: "store.nats"},
	{key: "acs[].failover.mode", values: []string{"rewrite", "both"}, write: "route"},
	{key: "acs[].url_guard", values: []string{"pin", "translate", "refuse"}, write: "pass"},
}

const notPart = "is not part of this version"

// laterKey tells whether an unknown key belongs to a later version: text says
// so, unless the value switches the thing off, which is allowed.
func laterKey(key string, value *node) (text string, allowed bool) {
	for _, l := range later {
		if l.values != nil || l.key != pattern(key) {
			continue
		}
		if off := value.get("enabled"); off != nil && len(value.pairs) == 1 && off.text == "false" {
			return "", true
		}
		return notPart + ": remove it", false
	}
	return "", false
}

// checkLater reports the values that belong to a later version.
func checkLater(root *node, key string, found *collector) {
	switch root.kind {
	case section:
		for _, p := range root.pairs {
			checkLater(p.value, join(key, p.key), found)
		}
	case list:
		for i, item := range root.items {
			checkLater(item, element(key, i), found)
		}
	case scalar:
		for _, l := range later {
			if slices.Contains(l.values, root.text) && strings.HasSuffix(key, lastName(l.key)) && l.key == pattern(key) {
				found.add(root.at, key, root.text, notPart+", write "+l.write)
			}
		}
	}
}
