package tlsconf

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"go.uber.org/zap"
)

// keyFileError blames the key file for a pair that cannot be used.
type keyFileError struct{ problem string }

func (e keyFileError) Error() string { return e.problem }

// digest identifies the content of files.
type digest [sha256.Size]byte

func digestOf(parts ...[]byte) digest {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:", len(p))
		h.Write(p)
	}
	return digest(h.Sum(nil))
}

// staticPair is a certificate from files, with what is needed to follow them.
// It is immutable once the manager has it; a new look makes a new one.
type staticPair struct {
	files   CertConfig
	current *certificate
	loaded  digest // of what current was made from
	// broken is what the files held when they last could not be used; it is
	// reported when it is found twice, since writers do not replace two files
	// at once.
	broken   digest
	reported bool
	err      error
}

func newStaticPair(files CertConfig) (*staticPair, error) {
	current, loaded, err := loadPair(files)
	if err != nil {
		return nil, fmt.Errorf("certificate %q with key %q: %w", files.CertFile, files.KeyFile, err)
	}
	return &staticPair{files: files, current: current, loaded: loaded}, nil
}

// refresh reloads the pair if its files have changed and says whether it did.
// Files that cannot be used leave the old certificate in place; that is logged
// once for each such content.
func (p *staticPair) refresh(log *zap.Logger) bool {
	next, sum, err := loadPair(p.files)
	if err != nil {
		p.note(sum, err, log)
		return false
	}
	p.broken, p.reported, p.err = digest{}, false, nil
	if sum == p.loaded {
		return false
	}
	p.current, p.loaded = next, sum
	log.Info("certificate reloaded", zap.String("certificate", next.name()),
		zap.String("file", p.files.CertFile), zap.Time("not_after", next.tls.Leaf.NotAfter))
	return true
}

// note remembers that the files could not be used, and logs it at the second
// look at the same content.
func (p *staticPair) note(sum digest, err error, log *zap.Logger) {
	p.err = err
	if p.broken != sum {
		p.broken, p.reported = sum, false
		return
	}
	if !p.reported {
		p.reported = true
		log.Error("certificate files cannot be used, the old certificate stays: repair them",
			zap.String("file", p.files.CertFile), zap.String("key_file", p.files.KeyFile), zap.Error(err))
	}
}

// loadPair reads and checks the two files. The digest stands for what they
// held, or for the error of reading them.
func loadPair(files CertConfig) (*certificate, digest, error) {
	certPEM, err := os.ReadFile(files.CertFile)
	if err != nil {
		return nil, digestOf([]byte(err.Error())), err
	}
	keyPEM, err := os.ReadFile(files.KeyFile)
	if err != nil {
		return nil, digestOf([]byte(err.Error())), keyFileError{err.Error()}
	}
	c, err := parsePair(files, certPEM, keyPEM)
	return c, digestOf(certPEM, keyPEM), err
}

// parsePair makes a certificate of two PEM files, and says in plain words
// what is wrong with them.
func parsePair(files CertConfig, certPEM, keyPEM []byte) (*certificate, error) {
	leaf := pemBlock(certPEM, "CERTIFICATE")
	if leaf == nil {
		return nil, errors.New("holds no certificate in PEM: it must begin with BEGIN CERTIFICATE")
	}
	if _, err := x509.ParseCertificate(leaf.Bytes); err != nil {
		return nil, fmt.Errorf("holds a certificate that cannot be read: %w", err)
	}
	if pemBlock(keyPEM, "PRIVATE KEY") == nil {
		return nil, keyFileError{"holds no private key in PEM: it must begin with BEGIN PRIVATE KEY and not be encrypted"}
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, keyFileError{fmt.Sprintf("does not fit the first certificate of %q: %v", files.CertFile, err)}
	}
	return newCertificate(&pair, SourceStatic), nil
}

// pemBlock returns the first PEM block whose type ends in suffix, or nil.
func pemBlock(data []byte, suffix string) *pem.Block {
	for {
		block, rest := pem.Decode(data)
		if block == nil || strings.HasSuffix(block.Type, suffix) {
			return block
		}
		data = rest
	}
}
