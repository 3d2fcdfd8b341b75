package calico

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// rule is one rule of a BGPFilter. The order of the fields is the one in which
// Calico's own client writes them.
type rule struct {
	CIDR          string `json:"cidr,omitempty"`
	MatchOperator string `json:"matchOperator,omitempty"`
	Interface     string `json:"interface,omitempty"`
	Action        string `json:"action"`
}

// rules turns BIRD statements into the rules of a BGPFilter that do the same.
//
// A BGPFilter is a list of rules, the first that matches decides, so what can
// be said is: accept or reject, under no condition or one on the interface's
// name (ifname) and the route's network (net), joined by && and ||. Anything
// else is an error that says which part and why.
func rules(text string, ipv6 bool) ([]rule, error) {
	tokens, err := tokenize(text)
	if err != nil {
		return nil, err
	}
	p := &birdParser{tokens: tokens, ipv6: ipv6}
	var all []rule
	for !p.done() {
		rs, err := p.statement()
		if err != nil {
			return nil, err
		}
		all = append(all, rs...)
	}
	if len(all) == 0 {
		return nil, errors.New("no statement in it")
	}
	return all, nil
}

// token is one word, sign, string or network of a BIRD text.
type token struct {
	text string
	line int
}

var tokenRE = regexp.MustCompile(`^(?:[ \t\r]+|#[^\n]*|/\*(?s:.*?)\*/|\n|"[^"\n]*"|!~|!=|&&|\|\||[(){};~=!\[\],+<>-]|[0-9A-Fa-f]*[:.][0-9A-Fa-f:.]*(?:/[0-9]+)?|[A-Za-z_][A-Za-z0-9_.]*|[0-9]+)`)

// tokenize splits a text, leaving spaces and comments out.
func tokenize(text string) ([]token, error) {
	var tokens []token
	line := 1
	for text != "" {
		t := tokenRE.FindString(text)
		if t == "" {
			return nil, fmt.Errorf("line %d: cannot read %.20q", line, text)
		}
		text = text[len(t):]
		switch {
		case strings.TrimSpace(t) == "", strings.HasPrefix(t, "#"), strings.HasPrefix(t, "/*"):
		default:
			tokens = append(tokens, token{t, line})
		}
		line += strings.Count(t, "\n")
	}
	return tokens, nil
}

type birdParser struct {
	tokens []token
	at     int
	ipv6   bool
}

func (p *birdParser) done() bool { return p.at == len(p.tokens) }

// peek returns the next token, or an empty one at the end.
func (p *birdParser) peek() token {
	if p.done() {
		return token{"", 0}
	}
	return p.tokens[p.at]
}

func (p *birdParser) next() token {
	t := p.peek()
	p.at++
	return t
}

// take goes past the next token if it is the one asked for.
func (p *birdParser) take(text string) bool {
	if p.peek().text != text {
		return false
	}
	p.at++
	return true
}

func (p *birdParser) expect(text string) error {
	if t := p.peek(); t.text != text {
		return p.fail(t, fmt.Sprintf("expected %q", text))
	}
	p.at++
	return nil
}

func (p *birdParser) fail(t token, reason string) error {
	if t.text == "" {
		return fmt.Errorf("at the end: %s", reason)
	}
	return fmt.Errorf("line %d, at %s: %s", t.line, t.text, reason)
}

// statement reads `if CONDITION then ACTION [else ACTION-or-if]` or an action.
// As every action ends the filter, what follows else is the next statement.
func (p *birdParser) statement() ([]rule, error) {
	if !p.take("if") {
		action, err := p.action()
		if err != nil {
			return nil, err
		}
		return []rule{{Action: action}}, nil
	}
	condition, err := p.or()
	if err != nil {
		return nil, err
	}
	if err := p.expect("then"); err != nil {
		return nil, err
	}
	action, err := p.action()
	if err != nil {
		return nil, err
	}
	for i := range condition {
		condition[i].Action = action
	}
	if p.take("else") {
		rest, err := p.elseBranch()
		return append(condition, rest...), err
	}
	return condition, nil
}

// elseBranch reads one statement, or several in braces.
func (p *birdParser) elseBranch() ([]rule, error) {
	if !p.take("{") {
		return p.statement()
	}
	var all []rule
	for !p.take("}") {
		rs, err := p.statement()
		if err != nil {
			return nil, err
		}
		all = append(all, rs...)
	}
	return all, nil
}

// action reads `accept;` or `reject;`, also in braces.
func (p *birdParser) action() (string, error) {
	if p.take("{") {
		action, err := p.action()
		if err != nil {
			return "", err
		}
		return action, p.expect("}")
	}
	t := p.next()
	switch t.text {
	case "accept":
		return "Accept", p.expect(";")
	case "reject":
		return "Reject", p.expect(";")
	case "if":
		return "", p.fail(t, "a BGPFilter has no condition inside a condition; join them with &&")
	}
	return "", p.fail(t, "a BGPFilter can only accept or reject")
}

// or reads conditions joined by ||, each of which becomes a rule.
func (p *birdParser) or() ([]rule, error) {
	all, err := p.and()
	for err == nil && p.take("||") {
		var more []rule
		more, err = p.and()
		all = append(all, more...)
	}
	return all, err
}

// and reads conditions joined by &&, and merges each with each.
func (p *birdParser) and() ([]rule, error) {
	all, err := p.term()
	for err == nil && p.peek().text == "&&" {
		at := p.next()
		var more []rule
		if more, err = p.term(); err != nil {
			break
		}
		var merged []rule
		for _, a := range all {
			for _, b := range more {
				if a.Interface != "" && b.Interface != "" || a.CIDR != "" && b.CIDR != "" {
					return nil, p.fail(at, "a rule of a BGPFilter has one interface and one network")
				}
				m := a
				if b.Interface != "" {
					m.Interface = b.Interface
				}
				if b.CIDR != "" {
					m.CIDR, m.MatchOperator = b.CIDR, b.MatchOperator
				}
				merged = append(merged, m)
			}
		}
		all = merged
	}
	return all, err
}

// term reads one comparison, or a condition in parentheses.
func (p *birdParser) term() ([]rule, error) {
	t := p.next()
	switch t.text {
	case "(":
		inner, err := p.or()
		if err != nil {
			return nil, err
		}
		return inner, p.expect(")")
	case "ifname":
		return p.interfaceTerm()
	case "net":
		return p.netTerm()
	case "!":
		return nil, p.fail(t, "a BGPFilter has no negation but that of a network (!~, !=)")
	}
	return nil, p.fail(t, "a BGPFilter compares ifname and net only")
}

// interfaceTerm reads what follows ifname.
func (p *birdParser) interfaceTerm() ([]rule, error) {
	op := p.next()
	if op.text != "~" && op.text != "=" {
		return nil, p.fail(op, "a BGPFilter compares an interface with ~ or = only")
	}
	t := p.next()
	name := strings.Trim(t.text, `"`)
	if !strings.HasPrefix(t.text, `"`) || name == "" {
		return nil, p.fail(t, `expected an interface's name in quotes, such as "tap*"`)
	}
	if op.text == "=" && strings.ContainsAny(name, "*?") {
		return nil, p.fail(t, "* and ? are no wildcards after =; write ~")
	}
	return []rule{{Interface: name}}, nil
}

// netTerm reads what follows net: an operator and a network.
func (p *birdParser) netTerm() ([]rule, error) {
	operators := map[string]string{"~": "In", "!~": "NotIn", "=": "Equal", "!=": "NotEqual"}
	op := p.next()
	operator, ok := operators[op.text]
	if !ok {
		return nil, p.fail(op, "a BGPFilter compares a network with ~, !~, = or != only")
	}
	t := p.next()
	if t.text == "[" {
		return nil, p.fail(t, "a BGPFilter has no sets; write one comparison a network, joined by ||")
	}
	cidr, err := netip.ParsePrefix(t.text)
	if err != nil {
		return nil, p.fail(t, "expected a network such as 10.65.0.0/24")
	}
	if cidr.Addr().Is6() != p.ipv6 {
		return nil, p.fail(t, "is of the other IP version than its filter")
	}
	if cidr != cidr.Masked() {
		return nil, p.fail(t, fmt.Sprintf("has bits of a host; write %s", cidr.Masked()))
	}
	return []rule{{CIDR: cidr.String(), MatchOperator: operator}}, nil
}
