package calico

import (
	"context"
	"errors"
	"strings"
)

// Failure is an error of a store, with what a person can do about it.
type Failure struct {
	// Op is what was being done, for example "reading felixconfigurations/default".
	Op string
	// Reason is what the store said.
	Reason string
	// Advice is what to do, if there is something.
	Advice string
	// Temporary says that the same may succeed later.
	Temporary bool
	// Err is the cause.
	Err error
}

// Error returns what was being done, why it failed, and what to do.
func (f *Failure) Error() string {
	text := f.Op + ": " + f.Reason
	if f.Advice != "" {
		text += ": " + f.Advice
	}
	return text
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// tlsFailure recognizes a refused connection that no trying again will mend.
func tlsFailure(op string, err error) *Failure {
	text := err.Error()
	if !strings.Contains(text, "x509: ") && !strings.Contains(text, "tls: ") {
		return nil
	}
	f := &Failure{Op: op, Reason: lastPart(text, "x509: ", "remote error: tls: ", "tls: "), Err: err}
	switch {
	case strings.Contains(text, "remote error: tls: "):
		f.Advice = "etcd did not take the client certificate: check cert_file and key_file, their dates, and that etcd trusts their CA"
	case strings.Contains(text, "has expired"):
		f.Advice = "etcd's certificate has expired: renew it there"
	default:
		f.Advice = "etcd's certificate is not the one of this name by a known CA: check ca_file and the endpoints' names"
	}
	return f
}

// lastPart cuts a chain of errors down to where the first of the marks begins.
func lastPart(text string, marks ...string) string {
	for _, mark := range marks {
		if i := strings.Index(text, mark); i >= 0 {
			return strings.TrimRight(text[i:], `"`)
		}
	}
	return text
}

// timedOut says whether err is that of a request whose own time was up.
func timedOut(err error) bool {
	return errors.Is(err, context.DeadlineExceeded)
}
