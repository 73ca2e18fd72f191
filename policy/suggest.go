package policy

import (
	"strconv"
	"strings"
)

// unknownACS is the problem of a name that is no ACS's: it says which there
// are and which one was probably meant.
func unknownACS(name string, known []string) string {
	text := "is not the name of an ACS"
	if guess := nearest(name, known); guess != "" {
		text += `, did you mean "` + guess + `"?`
	}
	return text + listed(known)
}

// listed names the ACSs that there are, the first few of many.
func listed(known []string) string {
	const most = 10
	if len(known) == 0 {
		return ""
	}
	text := " (there is " + strings.Join(known[:min(len(known), most)], ", ")
	if more := len(known) - most; more > 0 {
		text += " and " + strconv.Itoa(more) + " more"
	}
	return text + ")"
}

// nearest returns the name that differs least, in about a third of its
// letters at most and not counting case; "" when there is none.
func nearest(name string, known []string) string {
	best, least := "", max(1, (len(name)+1)/3)+1
	for _, k := range known {
		if len(k) > maxName || len(name) > maxName {
			continue
		}
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < least && d < len(k) {
			best, least = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance: how many letters to insert, delete or
// replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
