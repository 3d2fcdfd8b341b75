package ccpfile

import (
	"reflect"
	"testing"
)

func TestResolvePlain(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		"": nil, "~": nil, "null": nil, "Null": nil, "nULL": "nULL",
		"yes": true, "On": true, "TRUE": true, "no": false, "off": false, "False": false, "y": "y", "n": "n", "yEs": "yEs",
		"0": int64(0), "-12": int64(-12), "+12": int64(12), "1_000": int64(1000), "0755": int64(493), "0o755": int64(493),
		"0x1F": int64(31), "0b101": int64(5), "08": "08", "0x": "0x", "1:30": "1:30", "-": "-",
		"9223372036854775807": int64(9223372036854775807), "9223372036854775808": "9223372036854775808",
		"1.5": 1.5, "1.": 1.0, ".5": 0.5, "-1.5e+3": -1500.0, "1e3": 1000.0, "1e999": "1e999", ".": ".", "1.2.3": "1.2.3",
		".inf": ".inf", ".nan": ".nan", "10.0.0.1": "10.0.0.1", "2017-01-01": "2017-01-01", "latest": "latest", "_": "_", "._": "._",
	} {
		if got := resolvePlain(text); got != want {
			t.Errorf("%q: got %v (%T), want %v (%T)", text, got, got, want, want)
		}
	}
}

func TestScalars(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, "x-a: ['1', \"yes\", !!str 5, !!int '7', !!float 2, !!null '']\nx-b: |\n  5\nx-c: >-\n  yes\n")
	want := map[string]any{"x-a": []any{"1", "yes", "5", int64(7), 2.0, nil}, "x-b": "5\n", "x-c": "yes"}
	if got := c.Root.Interface(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
