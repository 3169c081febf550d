package kernelext

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image/png"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// digitsQuality is a trial that takes some of the digits for others: the fives for
// sixes more often than not.
func digitsQuality(t *testing.T) (trial.Trial, *datasets.Set) {
	t.Helper()
	ref, err := datasets.Prepare(t.Context(), "digits", datasets.Options{Cache: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	set, err := datasets.Load(ref)
	if err != nil {
		t.Fatal(err)
	}
	var answers []trial.Answer
	for i, row := range set.Validate() {
		label := int(set.Train.Labels[row])
		a := trial.Answer{Index: i, True: label, Predicted: label, Confidence: float64(i*37%100) / 100}
		switch {
		case label == 5 && i%5 > 1:
			a.Predicted = 6
		case label > 0 && i%7 == 0:
			a.Predicted = (label + i/7) % 10
		}
		answers = append(answers, a)
	}
	q := trial.NewQuality(10, answers)
	q.Data = datasets.Fingerprint(ref, 300)
	return trial.Trial{ID: 3, State: trial.Complete, Quality: q}, set
}

// manyQuality is a trial of so many classes that no matrix of them can be read.
func manyQuality() trial.Trial {
	var answers []trial.Answer
	for i := range 1200 {
		a := trial.Answer{Index: i, True: i % 120, Predicted: i % 120, Confidence: float64(i%90) / 100}
		if i%13 < i%120/10 {
			a.Predicted = (a.True*7 + i/600) % 120
		}
		answers = append(answers, a)
	}
	return trial.Trial{ID: 4, State: trial.Complete, Quality: trial.NewQuality(120, answers)}
}

func TestQualityGolden(t *testing.T) {
	few, _ := digitsQuality(t)
	v := View{Name: "first", Data: "digits", Trials: trial.History{few}}
	lines := func(s string) []byte { return []byte(strings.ReplaceAll(s, "><", ">\n<") + "\n") }
	golden(t, "quality.txt", []byte(v.qualityText(few)))
	golden(t, "quality.html", lines(v.qualityHTML(few, false)))
	q, _ := v.quality(few)
	golden(t, "quality.svg", lines(q.bars()))
	many := View{Name: "first", Data: "many"}
	golden(t, "quality-many.txt", []byte(many.qualityText(manyQuality())))
	golden(t, "quality-many.html", lines(many.qualityHTML(manyQuality(), false)))
}

// TestQualityWords holds what is said of a network, down to those that are always
// right or never.
func TestQualityWords(t *testing.T) {
	for _, test := range []struct {
		want string
		rows [][]int // what each class is taken for
	}{
		{"Right in all 1,200.", [][]int{{600, 0}, {0, 600}}},
		{"Right 0 of 100 (none of 4), most often takes cat for dog and dog for cat (2 times each).", [][]int{{0, 2}, {2, 0}}},
		{"Right 50 of 100 (2 of 4).", [][]int{{1, 1}, {1, 1}}},
		{"Right 83 of 100. Best at cat (all of 14), worst at emu (42 of 58), most often takes emu for cat (10 times).",
			[][]int{{14, 0, 0}, {0, 27, 1}, {10, 6, 42}}},
		{"Right 67 of 100 (8 of 12). Best at cat and dog (all), worst at emu (none of 2), most often takes fox for cat (2 times).",
			[][]int{{4, 0, 0, 0}, {0, 2, 0, 0}, {1, 1, 0, 0}, {2, 0, 0, 2}}},
		{"Right 80 of 100 (16 of 20). Best at class 5 (all of 4), worst at cat, dog and 2 more (75 %).",
			[][]int{{3, 1, 0, 0, 0, 0}, {1, 3, 0, 0, 0, 0}, {0, 0, 3, 1, 0, 0}, {0, 0, 1, 3, 0, 0}, {}, {0, 0, 0, 0, 0, 4}}},
	} {
		var answers []trial.Answer
		for class, row := range test.rows {
			for predicted, n := range row {
				for range n {
					answers = append(answers, trial.Answer{Index: len(answers), True: class, Predicted: predicted})
				}
			}
		}
		q := qualityOf(trial.Trial{Quality: trial.NewQuality(len(test.rows), answers)}, []string{"cat", "dog", "emu", "fox", "yak"})
		if got := q.words(); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

// TestGalleryShowsTheMistakes holds that each picture on the board is the one that the
// words beside it are about.
func TestGalleryShowsTheMistakes(t *testing.T) {
	tr, set := digitsQuality(t)
	v := View{Data: "digits"}
	page := v.qualityHTML(tr, true)
	found := regexp.MustCompile(`data:image/png;base64,([^"]+)"`).FindAllStringSubmatch(page, -1)
	places := regexp.MustCompile(`left:(\d+)px;top:(\d+)px;[^>]*>is <b>(\w+)</b>, read as <b>(\w+)</b> \(([^)]*)\)`).FindAllStringSubmatch(page, -1)
	if len(found) != 1 || len(places) != len(tr.Quality.Mistakes) {
		t.Fatalf("%d pictures and %d captions for %d mistakes", len(found), len(places), len(tr.Quality.Mistakes))
	}
	packed, err := base64.StdEncoding.DecodeString(found[0][1])
	if err != nil {
		t.Fatal(err)
	}
	board, err := png.Decode(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	names, rows := set.ClassNames, set.Validate()
	for i, a := range tr.Quality.Mistakes {
		var left, top int
		if _, err := fmt.Sscan(places[i][1], &left); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(places[i][2], &top); err != nil {
			t.Fatal(err)
		}
		said := strings.Join(places[i][3:], " ")
		if want := fmt.Sprintf("%s %s %.0f %%", names[a.True], names[a.Predicted], 100*a.Confidence); said != want {
			t.Errorf("mistake %d: the caption is %q, want %q", i, said, want)
		}
		left -= 6 + 64
		var got, want []byte
		for y := range 8 {
			for x := range 8 {
				r, _, _, _ := board.At(left+8*x+3, top+8*y+5).RGBA()
				got = append(got, byte(r>>8))
				want = append(want, set.Train.Images[int(rows[a.Index])*64+8*y+x])
			}
		}
		if !bytes.Equal(got, want) {
			t.Errorf("mistake %d: the picture at %d, %d is not number %d of the validation split", i, left, top, a.Index)
		}
	}
	if v.qualityHTML(trial.Trial{}, true) != "" || v.qualityText(trial.Trial{}) != "" {
		t.Error("something is shown of a trial of which nothing is known")
	}
}

// TestGalleryWithoutPictures holds that a data set that is not there, or not the same,
// is told of, and everything else shown.
func TestGalleryWithoutPictures(t *testing.T) {
	t.Setenv(datasets.Env, t.TempDir())
	t.Setenv("LEMONADE_HOME", t.TempDir())
	fresh, _ := digitsQuality(t)
	is := fresh.Quality.Data
	for want, spoil := range map[string]func(*trial.Quality){
		"the data set cifar10 is not on this machine: set LEMONADE_DATA": func(q *trial.Quality) { q.Data = "cifar10:0123/split1/whole" },
		"the data set &lt;b&gt; is not on this machine":                  func(q *trial.Quality) { q.Data = "<b>:0123/split1/whole" },
		"the data set  is not on this machine":                           func(q *trial.Quality) { q.Data = "" },
		"have the fingerprint":                                           func(q *trial.Quality) { q.Data = "digits:0123456789abcdef/split1/whole" }, // other content
		"numbered in":                                                    func(q *trial.Quality) { q.Data = strings.Replace(is, "split1", "split9", 1) },
		"is not a mistake of class":                                      func(q *trial.Quality) { q.Mistakes[0].True = (q.Mistakes[0].True + 1) % 10 },
		"picture 143 of":                                                 func(q *trial.Quality) { q.Mistakes[0].Index = 143 },
	} {
		tr, _ := digitsQuality(t)
		spoil(tr.Quality)
		page := View{Data: "digits"}.qualityHTML(tr, true)
		if !strings.Contains(page, "The pictures are not shown: ") || !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
		if strings.Contains(page, "data:image/png") || strings.Count(page, "<li>is <b>") != len(tr.Quality.Mistakes) || !strings.Contains(page, "confusion matrix") {
			t.Errorf("%s: the rest is not shown as it should", want)
		}
	}
}

// TestTileScale holds that small pictures are enlarged by whole pixels, and that large
// ones are made small.
func TestTileScale(t *testing.T) {
	for _, test := range []struct{ height, width, wantHeight, wantWidth int }{
		{8, 8, 64, 64}, {28, 28, 56, 56}, {32, 32, 64, 64}, {64, 48, 64, 48}, {65, 64, 33, 32}, {224, 224, 56, 56}, {100, 7, 50, 4},
	} {
		for _, channels := range []int{1, 3} {
			picture := tile{make([]byte, test.height*test.width*channels), test.height, test.width, channels}
			for i := range picture.pixels {
				picture.pixels[i] = byte(i / channels / test.width) // the row
			}
			size := picture.Bounds().Size()
			if size.X != test.wantWidth || size.Y != test.wantHeight {
				t.Errorf("%d×%d becomes %v", test.height, test.width, size)
			}
			previous := -1
			for y := range size.Y { // the last pixel of each row is in the picture too
				r, g, _, _ := picture.At(size.X-1, y).RGBA()
				if int(r>>8) < previous || r != g {
					t.Errorf("%d×%d×%d: row %d is %d after %d", test.height, test.width, channels, y, r>>8, previous)
				}
				previous = int(r >> 8)
			}
			if previous < test.height*9/10-4 {
				t.Errorf("%d×%d: it ends with row %d", test.height, test.width, previous)
			}
		}
	}
}

func TestShowQuality(t *testing.T) {
	tr, _ := digitsQuality(t)
	s := stub{View{Name: "first", Data: "digits", Trials: trial.History{{ID: 1, State: trial.Failed}, {ID: 2, Quality: &trial.Quality{}}, tr}}}
	var b bytes.Buffer
	if err := showQuality(&b, s, 3); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.v.qualityText(tr), b.String()); diff != "" {
		t.Errorf("(-text +shown):\n%s", diff)
	}
	for id, want := range map[int]string{1: "trial 1: study first does not know", 2: "trial 2: study first does not know", 4: "trial 4: study first has none"} {
		if err := Quality(s, id); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("trial %d: %v", id, err)
		}
	}
}

// TestHostileClassNames holds that the names of classes, which may come from the
// folders of a data set, are only ever text.
func TestHostileClassNames(t *testing.T) {
	few, _ := digitsQuality(t)
	names := []string{hostile, "a\nb\r\n\tc", "", strings.Repeat("wide ", 40), "</table>", "\x00\x1b[2J", `"onmouseover="alert(1)`, "&amp;", "ünï", "<b>"}
	var many []string
	for i := range 120 {
		many = append(many, fmt.Sprint(i, hostile))
	}
	for _, q := range []quality{qualityOf(few, names), qualityOf(manyQuality(), many), qualityOf(few, names[:3])} {
		for _, gallery := range []bool{false, true} {
			page := q.html(gallery)
			for _, bad := range []string{"<script", "<img src=x", "</table></b>", "<b><", `"onmouseover`, "\x00", "\x1b", "\n"} {
				if strings.Contains(page, bad) {
					t.Errorf("the page holds %q", bad)
				}
			}
		}
		wellFormed(t, q.bars())
		if got := q.text(); strings.ContainsAny(got, "\x00\x1b\r\t") {
			t.Errorf("the text holds a control character: %q", got)
		}
	}
	q := qualityOf(few, names)
	for class, want := range map[int]string{1: "a b c", 2: "class 2", 9: "<b>", 10: "class 10", -1: "class -1"} {
		if got := q.name(class); got != want {
			t.Errorf("class %d is %q, want %q", class, got, want)
		}
	}
}

// TestWilson holds that the ends are the true shares from which the count is just 1.96
// standard errors away, which is how the interval is defined.
func TestWilson(t *testing.T) {
	for _, r := range []trial.Recall{{Right: 6, Samples: 14}, {Right: 0, Samples: 10}, {Right: 10, Samples: 10}, {Right: 1, Samples: 1}, {Right: 499, Samples: 500}} {
		low, high := wilson(r)
		if low < 0 || high > 1 || low > r.Share() || high < r.Share() {
			t.Errorf("%+v: %v to %v", r, low, high)
		}
		for _, end := range []float64{low, high} {
			away := math.Abs(r.Share() - end)
			if off := away - 1.96*math.Sqrt(end*(1-end)/float64(r.Samples)); math.Abs(off) > 1e-9 {
				t.Errorf("%+v: the end %v is %v off", r, end, off)
			}
		}
	}
}
