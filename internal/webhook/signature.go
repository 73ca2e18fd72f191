package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Headers of a delivery.
const (
	SignatureHeader = "Acsgate-Signature"
	DeliveryHeader  = "Acsgate-Delivery"
)

// Sign returns the value of SignatureHeader for a body that is sent at a time.
func Sign(secret []byte, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	return "t=" + t + ",v1=" + hex.EncodeToString(digest(secret, t, body))
}

// Verify is what a receiver does. It returns an error unless the header is a signature
// of the body with the secret, made within tolerance of now.
func Verify(secret []byte, header string, body []byte, now time.Time, tolerance time.Duration) error {
	var t string
	var digests [][]byte
	for part := range strings.SplitSeq(header, ",") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(part), "="); name {
		case "t":
			if t != "" {
				return errors.New("signature has two times")
			}
			t = value
		case "v1":
			if d, err := hex.DecodeString(value); err == nil {
				digests = append(digests, d)
			}
		}
	}
	seconds, err := strconv.ParseInt(t, 10, 64)
	if err != nil {
		return fmt.Errorf("signature has no time t: %q", t)
	}
	want, good := digest(secret, t, body), false
	for _, d := range digests {
		good = hmac.Equal(d, want) || good // in constant time
	}
	if !good {
		return errors.New("signature is not one of this body with this secret")
	}
	if off := now.Sub(time.Unix(seconds, 0)).Abs(); off > tolerance {
		return fmt.Errorf("signature is %s away from now, more than %s", off, tolerance)
	}
	return nil
}

func digest(secret []byte, t string, body []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(t))
	mac.Write([]byte{'.'})
	mac.Write(body)
	return mac.Sum(nil)
}
