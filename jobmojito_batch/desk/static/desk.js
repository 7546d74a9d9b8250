// Copies a link that was revealed. Without scripts it is selected and copied by hand.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copies);
  field.select();
  navigator.clipboard.writeText(field.value).then(() => {
    button.textContent = "Copied";
  }, () => {});
});
// An answer that is no success, such as a sentence, is shown all the same.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status >= 400) {
    event.detail.shouldSwap = false;
    location.reload();
  }
});
// The field that follows keeps the focus when the rows are shown anew.
let focused = "";
document.addEventListener("htmx:beforeSwap", () => {
  focused = document.activeElement ? document.activeElement.id : "";
});
document.addEventListener("htmx:afterSettle", () => {
  const field = focused && document.getElementById(focused);
  if (field && document.activeElement !== field) field.focus();
});
