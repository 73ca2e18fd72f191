// Says that there is script, before anything is drawn.
document.documentElement.classList.add('js');
