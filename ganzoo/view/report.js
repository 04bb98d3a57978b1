"use strict";
for (const film of document.querySelectorAll(".film")) {
  const frames = [...film.children];
  if (frames.length < 2) continue;
  const slider = document.createElement("div");
  slider.className = "slider";
  const play = document.createElement("button");
  const range = document.createElement("input");
  range.type = "range";
  range.min = 0;
  range.max = frames.length - 1;
  range.setAttribute("aria-label", "step");
  slider.append(play, range);
  film.after(slider);
  film.parentElement.classList.add("sliding");
  let timer = 0;
  const show = (number) => {
    range.value = number;
    frames.forEach((frame, at) => frame.classList.toggle("on", at === Number(number)));
    range.setAttribute("aria-valuetext", frames[number].querySelector("figcaption").textContent);
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  };
  range.addEventListener("input", () => { stop(); show(range.value); });
  play.addEventListener("click", () => {
    if (timer) return stop();
    let at = Number(range.value) === frames.length - 1 ? 0 : Number(range.value);
    show(at);
    play.textContent = "Stop";
    timer = setInterval(() => {
      at += 1;
      show(at);
      if (at === frames.length - 1) stop();
    }, 250);
  });
  stop();
  show(frames.length - 1);
}
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details")) part.open = true;
});
