package calico

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestRules(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       string
	}{
		{"the guide's", TapFilter, `[{"interface":"tap*","action":"Accept"}]`},
		{"one line", `if ( ifname ~ "tap*" ) then { accept; }`, `[{"interface":"tap*","action":"Accept"}]`},
		{"no braces, comment", "# VMs\nif ifname = \"tap0\" then accept; /* rest */ reject;", `[{"interface":"tap0","action":"Accept"},{"action":"Reject"}]`},
		{"net", "if net ~ 10.65.0.0/24 then reject;", `[{"cidr":"10.65.0.0/24","matchOperator":"In","action":"Reject"}]`},
		{"and", `if (net != 10.0.0.0/8) && ifname ~ "tap*" then accept;`,
			`[{"cidr":"10.0.0.0/8","matchOperator":"NotEqual","interface":"tap*","action":"Accept"}]`},
		{"or under and", `if (net = 10.0.0.0/8 || net !~ 11.0.0.0/8) && ifname ~ "tap*" then accept;`,
			`[{"cidr":"10.0.0.0/8","matchOperator":"Equal","interface":"tap*","action":"Accept"},` +
				`{"cidr":"11.0.0.0/8","matchOperator":"NotIn","interface":"tap*","action":"Accept"}]`},
		{"else", `if ifname ~ "tap*" then accept; else { if ifname ~ "x*" then accept; else reject; }`,
			`[{"interface":"tap*","action":"Accept"},{"interface":"x*","action":"Accept"},{"action":"Reject"}]`},
	} {
		got, err := rules(tt.text, false)
		if err != nil || string(mustJSON(got)) != tt.want {
			t.Errorf("%s: %s %v, want %s", tt.name, mustJSON(got), err, tt.want)
		}
	}
	for text, want := range map[string]string{
		"":                                                          "no statement",
		"# nothing":                                                 "no statement",
		"bgp_path.prepend(65000);":                                  "can only accept or reject",
		`if bgp_path.len > 3 then accept;`:                          "compares ifname and net only",
		`if !(ifname ~ "a") then accept;`:                           "no negation",
		`if ifname !~ "a" then accept;`:                             "with ~ or = only",
		`if ifname = "a*" then accept;`:                             "no wildcards",
		`if net ~ [ 10.0.0.0/8+ ] then a;`:                          "no sets",
		`if net ~ 10.0.0.1/8 then accept;`:                          "write 10.0.0.0/8",
		`if net ~ fd00::/8 then accept;`:                            "the other IP version",
		`if ifname ~ "a" then { accept; `:                           `at the end: expected "}"`,
		`if ifname ~ "a" then accept`:                               `expected ";"`,
		`if ifname ~ "a" && ifname ~ "b" then accept;`:              "one interface and one network",
		`if ifname ~ "a" then { if net ~ 10.0.0.0/8 then accept; }`: "join them with &&",
		"accept;\n\n  $":                                            "line 3",
	} {
		if got, err := rules(text, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %s %v, want %q", text, mustJSON(got), err, want)
		}
	}
}

func FuzzRules(f *testing.F) {
	f.Add(TapFilter, false)
	f.Add(`if (net = 10.0.0.0/8 || net !~ fd00::/8) && ifname ~ "tap*" then accept; else { reject; }`, true)
	f.Fuzz(func(t *testing.T, text string, ipv6 bool) {
		if rs, err := rules(text, ipv6); err == nil && len(rs) == 0 {
			t.Error("neither rules nor an error")
		}
	})
}

func TestDocument(t *testing.T) {
	t.Parallel()
	const text = `{"z":1,"spec":{"b":[1.50,{"x":"<&>"}],"a":null,"big":12345678901234567890},"<key>":true}`
	for _, path := range [][]string{{"new"}, {"spec", "new"}, {"spec", "a2", "deep"}} {
		d, err := parseDocument([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.set(json.RawMessage(`"v"`), path...); err != nil {
			t.Fatal(err)
		}
		if got, err := d.get(path...); err != nil || string(got) != `"v"` {
			t.Errorf("%v: %s %v", path, got, err)
		}
		if err := d.set(nil, path...); err != nil {
			t.Fatal(err)
		}
		want := text
		if len(path) == 3 {
			want = strings.Replace(text, `567890}`, `567890,"a2":{}}`, 1)
		}
		if got := string(d.bytes()); got != want {
			t.Errorf("%v: left\n%s, want\n%s", path, got, want)
		}
	}
	for _, bad := range []string{"", "[]", "1", `{"a":1}{}`, `{"a":`, `{"a" 1}`} {
		if _, err := parseDocument([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// FuzzDocument changes any object and changes it back: nothing is lost.
func FuzzDocument(f *testing.F) {
	f.Add(`{"kind":"FelixConfiguration","spec":{"reportingInterval":"30s","x":[1,2.0]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseDocument([]byte(text))
		if err != nil {
			return
		}
		before := string(d.bytes())
		if err := d.set(json.RawMessage("1"), "field of tomorrow"); err != nil {
			t.Fatal(err)
		}
		if d.index("field of tomorrow") != len(d.members)-1 {
			return // it was there
		}
		if err := d.set(nil, "field of tomorrow"); err != nil {
			t.Fatal(err)
		}
		if got := string(d.bytes()); got != before && !strings.Contains(before, "field of tomorrow") {
			t.Errorf("%s became %s", before, got)
		}
		if !json.Valid(d.bytes()) {
			t.Errorf("not JSON: %s", d.bytes())
		}
	})
}

func TestSameValue(t *testing.T) {
	t.Parallel()
	p := func(s string) *string { return &s }
	interval, member, spec := field{felixKey, "spec.reportingInterval"}, field{"bgppeers/a", "spec.filters[f]"}, field{"ippools/a", "spec"}
	for _, tt := range []struct {
		dialect        Dialect
		f              field
		found, written *string
		want           bool
	}{
		{Text, field{key: "/k"}, p("60"), p("60"), true},
		{Text, field{key: "/k"}, p("60 "), p("60"), false},
		{Text, field{key: "/k"}, nil, p(""), false},
		{Text, field{key: "/k"}, nil, nil, true},
		{Resources, interval, p(`"60s"`), p(`"1m0s"`), true},
		{Resources, interval, p(`"61s"`), p(`"1m0s"`), false},
		{Resources, interval, p(`60`), p(`"1m0s"`), false},
		{Resources, member, p("false"), nil, true},
		{Resources, member, p("true"), nil, false},
		{Resources, spec, p(`{"cidr":"a","more":1}`), p(`{"cidr":"a"}`), true},
		{Resources, spec, p(`{"more":1}`), p(`{"cidr":"a"}`), false},
	} {
		if got := sameValue(tt.dialect, tt.f, tt.found, tt.written); got != tt.want {
			t.Errorf("%v: %v", tt, got)
		}
	}
}
