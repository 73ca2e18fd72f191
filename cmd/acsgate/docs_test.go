package main

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// TestPage_ListsTheCommands: docs/command-line.md knows all commands, and no others.
func TestPage_ListsTheCommands(t *testing.T) {
	page, err := os.ReadFile("../../docs/command-line.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed, there []string
	for _, m := range regexp.MustCompile("(?m)^\\| `acsgate ([a-z]+)").FindAllStringSubmatch(string(page), -1) {
		listed = append(listed, m[1])
	}
	for _, c := range program().Commands {
		there = append(there, c.Name)
	}
	there = append(there, "completion")
	slices.Sort(listed)
	slices.Sort(there)
	if !slices.Equal(listed, there) {
		t.Errorf("listed: %v\n there: %v", listed, there)
	}
}
