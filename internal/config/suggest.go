package config

import "strings"

// nearest returns the word that a user most likely meant by name, or "" when
// none is near: up to a third of the letters may differ.
func nearest(name string, words []string) string {
	best, least := "", len(name)/3+2
	if len(name) > maxShown {
		return ""
	}
	for _, word := range words {
		if strings.EqualFold(strings.ReplaceAll(name, "-", "_"), word) {
			return word
		}
		lower := strings.ToLower(name)
		if len(name) >= 3 && strings.HasPrefix(word, lower) || len(word) >= 4 && strings.HasPrefix(lower, word) {
			return word
		}
		d := distance(strings.ToLower(name), strings.ToLower(word))
		if d < least && d < len(word) && d <= max(1, min(len(name), len(word))/3) {
			best, least = word, d
		}
	}
	return best
}

// containing returns the words that have name as a part, if it is long enough
// to tell.
func containing(name string, words []string) []string {
	var out []string
	for _, word := range words {
		if len(name) >= 4 && strings.Contains(word, strings.ToLower(name)) {
			out = append(out, word)
		}
	}
	return out
}

// distance is the number of letters to insert, delete, replace, or swap with
// their neighbour to make b of a.
func distance(a, b string) int {
	before, last, row := []int(nil), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			row[j+1] = min(last[j]+change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, make([]int, len(b)+1)
	}
	return last[len(b)]
}
