package config

import (
	"strconv"
	"strings"
)

// Keys are written as in "acs[0].probe.interval".

// join appends the name of a key to the key of its section.
func join(key, name string) string {
	if !plain(name) {
		name = strconv.Quote(clip(name))
	}
	if key == "" {
		return name
	}
	return key + "." + name
}

// element is the key of an element of a list.
func element(key string, i int) string { return key + "[" + strconv.Itoa(i) + "]" }

// plain tells whether a name can stand in a key as it is.
func plain(name string) bool {
	return name != "" && len(name) <= maxShown && strings.IndexFunc(name, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-')
	}) < 0
}

// cutName takes the first name off a key.
func cutName(key string) (name, rest string) {
	i := strings.IndexAny(key, ".[")
	if i < 0 {
		return key, ""
	}
	return key[:i], strings.TrimPrefix(key[i:], ".")
}

// cutIndex takes the first index off a key that begins with one.
func cutIndex(key string) (i int, rest string, ok bool) {
	if !strings.HasPrefix(key, "[") {
		return 0, key, false
	}
	end := strings.IndexByte(key, ']')
	if end < 0 {
		return 0, key, false
	}
	i, err := strconv.Atoi(key[1:end])
	return i, strings.TrimPrefix(key[end+1:], "."), err == nil && i >= 0
}

// withIndices returns a pattern with the indices that key has.
func withIndices(p, key string) string {
	for range strings.Count(p, "[]") {
		_, rest, _ := strings.Cut(key, "[")
		index, after, _ := strings.Cut(rest, "]")
		p = strings.Replace(p, "[]", "["+index+"]", 1)
		key = after
	}
	return p
}

// pattern returns the key with its indices left out: "acs[].probe.interval".
func pattern(key string) string {
	var b strings.Builder
	for {
		open := strings.IndexByte(key, '[')
		if open < 0 {
			return b.String() + key
		}
		end := strings.IndexByte(key[open:], ']')
		if end < 0 {
			return b.String() + key
		}
		b.WriteString(key[:open] + "[]")
		key = key[open+end+1:]
	}
}
