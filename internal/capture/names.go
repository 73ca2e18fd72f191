package capture

import (
	"strings"
)

// masked stands for what is not kept.
const masked = "[masked]"

// secretParts are found anywhere in a part of the name of a secret, in lower case
// without dashes and underscores. They cover TR-098, TR-104, TR-181 and vendors'
// X_ parameters: PreSharedKey, KeyPassphrase, SAEPassphrase, WEPKey,
// AuthPassword, ConnectionRequestPassword, STUNPassword, SharedSecret,
// X_..._Password and so on.
var secretParts = []string{
	"password", "passwd", "passphrase", "passwort", "passcode", "passkey", "pwd", "presharedkey", "secret",
	"privatekey", "privkey", "token", "credential", "pincode", "pinnumber", "communitystring", "keymaterial", "voucher",
	"apikey", "authcode", "pswd", "passwrd", "wpakey", "wepkey", "communityname", "unlockcode", "securitycode", "accesscode",
}

// secretEnds are at the end of such a part, but for digits: WPAPSK, WEPKey1,
// DevicePIN, SIMPUK, NetworkKey, ReadCommunity. Every name that ends in "key" is a
// secret's but for those in publicKeys.
var (
	secretEnds = []string{"key", "keys", "psk", "pin", "puk", "pass", "pw", "psw", "community"}
	publicKeys = []string{"parameterkey", "commandkey", "publickey", "bypass"}
)

// secretName tells the name of a secret: of a parameter, by any part of its path,
// of an element or of a header field.
func secretName(name string) bool {
	for part := range strings.SplitSeq(name, ".") {
		if secretPart(part) {
			return true
		}
	}
	return false
}

func secretPart(part string) bool {
	part = strings.ToLower(part)
	part = strings.NewReplacer("_", "", "-", "").Replace(part)
	for _, s := range secretParts {
		if strings.Contains(part, s) {
			return true
		}
	}
	part = strings.TrimRight(part, "0123456789")
	for _, s := range publicKeys {
		if strings.HasSuffix(part, s) {
			return false
		}
	}
	for _, s := range secretEnds {
		if strings.HasSuffix(part, s) {
			return true
		}
	}
	return false
}

// secretElement tells an element that holds a secret wherever it stands: the
// credentials of Download, Upload and ScheduleDownload above all.
func secretElement(local string) bool {
	return strings.EqualFold(local, "Username") || secretPart(local)
}

// nameElement tells an element that names the parameter that its siblings speak of:
// in ParameterValueStruct, SetParameterValuesFault and the like.
func nameElement(local string) bool {
	return strings.EqualFold(local, "Name") || strings.EqualFold(local, "ParameterName")
}

// isName tells a text of which the name of a parameter can be made.
func isName(text string) bool {
	for i := range len(text) {
		c := text[i]
		if !isWord(c) && c != '.' && c != '-' && c != '{' && c != '}' && c != '*' {
			return false
		}
	}
	return text != ""
}

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}

// namesSecret tells a text in which the name of a secret occurs.
func namesSecret(text string) bool {
	start := -1
	for i := range len(text) + 1 {
		if i < len(text) && (isWord(text[i]) || text[i] == '-') {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 && secretPart(text[start:i]) {
			return true
		}
		start = -1
	}
	return false
}
