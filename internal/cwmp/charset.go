package cwmp

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// charset is how a body spells characters. All but UTF-16 contain ASCII with
// the markup characters unambiguous, so they are scanned as they are and only
// texts are decoded.
type charset struct {
	name    string
	decoder encoding.Encoding // nil for UTF-8 and UTF-16
	wide    wideOrder
}

var charsetUTF8 = charset{name: "utf-8"}

// encodings are the charsets seen in the field, by their usual names.
var encodings = map[string]encoding.Encoding{
	"iso-8859-1":   charmap.ISO8859_1,
	"iso-8859-2":   charmap.ISO8859_2,
	"iso-8859-5":   charmap.ISO8859_5,
	"iso-8859-7":   charmap.ISO8859_7,
	"iso-8859-9":   charmap.ISO8859_9,
	"iso-8859-15":  charmap.ISO8859_15,
	"latin1":       charmap.ISO8859_1,
	"latin-1":      charmap.ISO8859_1,
	"windows-1250": charmap.Windows1250,
	"windows-1251": charmap.Windows1251,
	"windows-1252": charmap.Windows1252,
	"windows-1254": charmap.Windows1254,
	"cp1252":       charmap.Windows1252,
	"koi8-r":       charmap.KOI8R,
	"gbk":          simplifiedchinese.GBK,
	"gb2312":       simplifiedchinese.GBK,
	"cp936":        simplifiedchinese.GBK,
	"gb18030":      simplifiedchinese.GB18030,
	"big5":         traditionalchinese.Big5,
	"euc-kr":       korean.EUCKR,
	"euc-jp":       japanese.EUCJP,
	"shift-jis":    japanese.ShiftJIS,
}

// shifting charsets spell characters with ASCII bytes, so their markup cannot
// be found without decoding; no CPE is known to use one.
var shifting = map[string]bool{
	"iso-2022-jp": true, "iso-2022-kr": true, "iso-2022-cn": true,
	"hz-gb-2312": true, "utf-32": true, "utf-32le": true, "utf-32be": true,
}

// detectCharset finds the charset of body: from its byte order mark or the
// shape of its first bytes, else its XML declaration, else hint. A name that
// is unknown, or that the bytes belie, means UTF-8.
func detectCharset(body []byte, hint string) (charset, error) {
	if hasPrefix(body, "\xEF\xBB\xBF") {
		return charsetUTF8, nil
	}
	if order := detectWide(body); order != narrow {
		return charset{name: order.String(), wide: order}, nil
	}
	if name := declaredCharset(body); name != "" {
		hint = name
	}
	hint = canonicalCharset(hint)
	if shifting[hint] {
		return charset{}, &ScanError{ErrCharset, 0}
	}
	if e := encodings[hint]; e != nil {
		return charset{name: hint, decoder: e}, nil
	}
	return charsetUTF8, nil
}

// canonicalCharset brings the spellings of a charset's name to that of the
// tables.
func canonicalCharset(name string) string {
	name = strings.ToLower(strings.Trim(name, blanks+`"'`))
	name = strings.ReplaceAll(name, "_", "-")
	if rest, ok := strings.CutPrefix(name, "iso8859"); ok {
		name = "iso-8859" + rest
	}
	return name
}

// declaredCharset returns what the XML declaration at the start of body says.
func declaredCharset(body []byte) string {
	body = bytes.TrimLeft(body, blanks)
	if !hasPrefix(body, "<?xml") {
		return ""
	}
	end, ok := after(body, 0, "?>")
	if !ok || end > maxDeclaration {
		return ""
	}
	return string(attrByLocal(body[len("<?xml"):end-len("?>")], "encoding"))
}

// maxDeclaration bounds the length of a believable XML declaration.
const maxDeclaration = 256

// decode returns raw, in charset c, as UTF-8. What the charset does not
// explain is read as Latin-1, in which different bytes stay different: a
// replacement character would make one device of two (quirk C-53).
func (c charset) decode(raw []byte) []byte {
	if c.decoder == nil {
		if utf8.Valid(raw) {
			return raw
		}
	} else if text, err := c.decoder.NewDecoder().Bytes(raw); err == nil && !bytes.ContainsRune(text, utf8.RuneError) {
		return text
	}
	text := make([]byte, 0, 2*len(raw))
	for _, b := range raw {
		text = utf8.AppendRune(text, rune(b))
	}
	return text
}
