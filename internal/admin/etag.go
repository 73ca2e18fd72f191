package admin

import (
	"net/http"
	"strings"
)

// etags returns the entity tags of If-Match, and whether it is there (RFC 9110
// 13.1.1). "*" stands for any.
func etags(r *http.Request) (tags []string, ok bool) {
	for _, line := range r.Header.Values("If-Match") {
		for tag := range strings.SplitSeq(line, ",") {
			if tag = strings.TrimSpace(tag); tag != "" {
				tags = append(tags, tag)
			}
		}
	}
	return tags, len(tags) > 0
}

// checkMatch refuses a write that names no entity tag, or not the present one. Tags
// are compared strongly: a weak one never matches.
func checkMatch(r *http.Request, present string) error {
	tags, ok := etags(r)
	if !ok {
		return refuse(http.StatusPreconditionRequired, "send If-Match with the ETag of what was read, or with * to write whatever is there")
	}
	for _, tag := range tags {
		if tag == "*" || tag == present {
			return nil
		}
	}
	return refuse(http.StatusPreconditionFailed, "it has changed meanwhile: its ETag is %s now; read it again", present)
}

// matchesAny tells whether If-Match is *.
func matchesAny(r *http.Request) bool {
	tags, _ := etags(r)
	return len(tags) == 1 && tags[0] == "*"
}
