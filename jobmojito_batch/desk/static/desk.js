// Copies a link that was revealed. Without scripts it is selected and copied by hand.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copies);
  field.select();
  navigator.clipboard.writeText(field.value).then(() => { button.textContent = "Copied"; }, () => {});
});
// The field that follows keeps the focus when the rows are shown anew; a sentence takes their place.
let focused = "";
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  focused = document.activeElement?.id;
  if (detail.xhr.status >= 400) {
    Object.assign(detail, { shouldSwap: true, selectOverride: "#main", swapOverride: "outerHTML" });
    detail.target = document.getElementById("main");
  }
});
const silent = (isSilent) => { document.getElementById("silent").hidden = !isSilent; };
document.addEventListener("htmx:sendError", () => silent(true));
document.addEventListener("htmx:afterSettle", () => {
  silent(false);
  const field = focused && document.getElementById(focused);
  if (field && document.activeElement !== field) field.focus();
});
