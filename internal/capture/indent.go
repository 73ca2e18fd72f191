package capture

import (
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// indent breaks XML that is written in one line into lines, for people. Anything
// else is returned as it is.
func indent(body string) string {
	if strings.Contains(strings.TrimSpace(body), "\n") {
		return body
	}
	var b strings.Builder
	depth, tag := 0, false // the last piece was a tag behind which a line may end
	line := func() {
		if tag {
			b.WriteByte('\n')
			b.WriteString(strings.Repeat("  ", depth))
		}
	}
	const mark = "\uFEFF" // it is UTF-8 by now, whatever its declaration says
	leaf := false
	_, err := cwmp.Walk([]byte(mark+body), "", func(p cwmp.Piece) {
		switch p.Kind {
		case cwmp.PieceText:
			text := strings.TrimPrefix(string(p.Raw), mark)
			b.WriteString(text)
			tag = tag && text == ""
			return
		case cwmp.PieceStart:
			line()
			depth++
		case cwmp.PieceEnd:
			depth--
			if !leaf {
				line()
			}
		case cwmp.PieceEmpty, cwmp.PieceInstruction:
			line()
		}
		b.Write(p.Raw)
		tag, leaf = true, p.Kind == cwmp.PieceStart
	})
	if err != nil {
		return body
	}
	return b.String()
}
