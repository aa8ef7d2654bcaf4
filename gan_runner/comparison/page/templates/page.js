
for (const slider of document.querySelectorAll(".slider")) {
  const input = slider.querySelector("input");
  const output = slider.querySelector("output");
  const steps = input.dataset.steps.split(" ");
  const shown = document.querySelectorAll("[data-place]");
  const show = () => {
    output.textContent = "step " + steps[input.value];
    for (const part of shown) part.hidden = part.dataset.place !== input.value;
  };
  input.addEventListener("input", show);
  slider.hidden = false;
  show();
}
