package capture

import "testing"

func TestIndent(t *testing.T) {
	for body, want := range map[string]string{
		"<a><b>x</b><c/><d></d><e> y<f/></e></a>": "<a>\n  <b>x</b>\n  <c/>\n  <d></d>\n  <e> y<f/>\n  </e>\n</a>",
		"<?xml encoding='gbk'?><a>\u00e9</a>":     "<?xml encoding='gbk'?>\n<a>\u00e9</a>",
		"<a>\n<b/></a>":                           "<a>\n<b/></a>",
		"<a><b>[9 bytes left out: truncated]":     "<a><b>[9 bytes left out: truncated]",
		"\uFEFF<a><b/></a>":                       "\uFEFF<a>\n  <b/>\n</a>",
		"plain text":                              "plain text",
		"<a>1</a><a>2</a>":                        "<a>1</a>\n<a>2</a>",
		"<a><![CDATA[<b>]]></a>":                  "<a><![CDATA[<b>]]></a>",
	} {
		if got := indent(body); got != want {
			t.Errorf("%q is\n%q, want\n%q", body, got, want)
		}
	}
}
