package kernel

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

func TestAutoGet(t *testing.T) {
	a := newAutoGet("../..")
	for _, test := range []struct{ code, want string }{
		{"%%\nfmt.Println(1)", "%noautoget"},
		{"import \"github.com/lemo-nade/lemonade/kernelext\"", ""},
		{"import (\n\te \"github.com/go-echarts/go-echarts/v2/charts\"\n\t\"net/http\"\n)", ""},
		{"import \"github.com/janpfeifer/gonb/gonbui\" // beside \"text\" and https://example.com/a", ""},
		{"import \"example.com/a/b\"", "%autoget"},
		{"import `example.com/c`", ""},
		{"%%\nfmt.Println(2)", "%noautoget"},
		{"import \"github.com/go-echarts/go-echarts/v3\"", "%autoget"}, // another module
		{"%noautoget\n%%\nfmt.Println(3)", ""},
		{"import \"example.com/d/e\"", ""}, // it is the author's by now
	} {
		if got := a.before(test.code); got != test.want {
			t.Errorf("before %q: %q, want %q", test.code, got, test.want)
		}
	}
}

// TestNoNetwork holds that a cell which imports what is there asks no module proxy,
// and that another one does.
func TestNoNetwork(t *testing.T) {
	var asked atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusNotFound)
	}))
	defer proxy.Close()
	t.Setenv("GOPROXY", proxy.URL)
	c := start(t)
	for _, code := range []string{
		"import \"github.com/lemo-nade/lemonade/lemonade/trial\"\n%%\nfmt.Println(trial.Accuracy)",
		"import \"github.com/go-echarts/go-echarts/v2/opts\"\n%%\nfmt.Println(opts.Title{Title: \"a\"}.Title)",
		"%%\nfmt.Println(trial.Latency)",
	} {
		if got := c.run(code); got.Status != "ok" {
			t.Errorf("%s\n%s %s", code, got.stderr, got.shownError)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the module proxy was asked %d times", n)
	}
	got := c.run("import \"example.com/no/such\"\n%%\nfmt.Println(such.Thing)")
	if got.Status != "error" || !strings.Contains(got.shownError+got.stderr, "example.com/no/such") || asked.Load() == 0 {
		t.Errorf("what is not there: status %s, the proxy was asked %d times\n%s %s", got.Status, asked.Load(), got.stderr, got.shownError)
	}
}
