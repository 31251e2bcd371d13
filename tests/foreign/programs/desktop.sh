# SPDX-License-Identifier: MIT
# Programs of a desktop, without a screen: large, in C++, with many libraries that are loaded later, threads, and processes of their own.
# needs: soffice /usr/lib/libreoffice/program/libsclo.so
# only: glibc jemalloc
# limit: 300
p_libreoffice() {
  for i in $(seq 300); do echo "$i,$((i * i)),text $((i * 7919 % 1009))"; done >t.csv
  soffice --headless "-env:UserInstallation=file://$PWD/u" --convert-to xlsx t.csv >/dev/null 2>&1
  echo "exit $?"
  soffice --headless "-env:UserInstallation=file://$PWD/u" --convert-to 'csv:Text - txt - csv (StarCalc):59,34,76' --outdir out t.xlsx >/dev/null 2>&1
  echo "exit $?"
  md5sum out/t.csv
}
# needs: inkscape
# only: glibc jemalloc
p_inkscape() {
  { echo '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="300"><defs><linearGradient id="g"><stop offset="0" stop-color="red"/><stop offset="1" stop-color="blue"/></linearGradient></defs>'
    for i in $(seq 60); do echo "<circle cx=\"$((i * 7919 % 300))\" cy=\"$((i * 104729 % 300))\" r=\"$((i % 40 + 5))\" fill=\"url(#g)\" fill-opacity=\"0.4\"/>"; done
    echo '<text x="20" y="60" font-size="24">heap</text></svg>'; } >t.svg
  inkscape --export-type=png --export-filename=t.png t.svg 2>/dev/null
  echo "exit $?"
  inkscape '--actions=select-all;object-to-path;export-plain-svg;export-filename:o.svg;export-do' t.svg 2>/dev/null
  echo "exit $?"
  md5sum t.png o.svg
}
# needs: firefox-esr
# only: glibc
# limit: 300
p_firefox() { # which has an allocator of its own, and makes processes that shut themselves in
  mkdir p
  echo '<html><body><h1>heap</h1><script>let a=[];for(let i=0;i<200000;i++)a.push("k"+i*7919%1009);document.body.append(a.sort().slice(0,5).join(" "))</script></body></html>' >t.html
  firefox-esr --headless --no-remote --profile "$PWD/p" --screenshot "$PWD/s.png" "file://$PWD/t.html" >/dev/null 2>&1
  echo "exit $?"
  md5sum s.png
}
